"""The id of a batch's message: a caller that may read some answers alone can read its answer too."""

import pytest

from contracts._client.batch import _batch_id
from contracts.values import is_command_id


@pytest.mark.parametrize(
    ("ids", "prefix"),
    [
        (["billing.1"], "billing."),
        (["billing.1", "billing.2"], "billing."),
        (["billing.eu.1", "billing.eu.2"], "billing.eu."),
        (["billing.eu.1", "billing.us.1"], "billing."),
        (["billing.1", "other.1"], ""),
        (["f7a3", "f7a4"], ""),
    ],
)
def test_it_begins_as_those_of_its_commands(ids: list[str], prefix: str) -> None:
    assert _batch_id(ids)[:-36] == prefix
    assert _batch_id(ids) != _batch_id(ids)


@pytest.mark.parametrize("ids", [["ü.1"], ["x" * 120 + ".1"]])
def test_it_is_a_command_id_whatever_those_of_its_commands_are(ids: list[str]) -> None:
    assert is_command_id(_batch_id(ids))
