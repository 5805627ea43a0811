"""What a caller meets who gets no answer, or whose command is not sent at all."""

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from contracts import errors
from contracts._client.entries import UnreadableEvent
from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from tests.support.servers import free_port

WRITE: dict[str, Any] = {"operation": "enable", "params": {"domain_id": "d", "plugin_id": "jira"}}


def of_a_batch(fault: AskTimeout | RedisUnavailable) -> AskTimeout | RedisUnavailable:
    fault.ids = ("one", "two")
    return fault


@pytest.mark.parametrize(
    "fault",
    [
        AskTimeout("the-command", 1.5),
        of_a_batch(AskTimeout("the-frame", 60.0)),
        RedisUnavailable("Redis does not answer: refused"),
        of_a_batch(RedisUnavailable("Redis does not answer: refused")),
        errors.PluginNotFound("there is none", details={"plugin_id": "jira"}),
        errors.ContractError("of another version", "SOMETHING_NEW", {"path": "a"}),
        UnreadableEvent("7-0: 'data'"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda fault: pickle.loads(pickle.dumps(fault))])
def test_what_is_raised_can_be_sent_to_another_process(
    fault: Exception, again: Callable[[Exception], Exception]
) -> None:
    found = again(fault)
    assert type(found) is type(fault)
    assert (str(found), found.args, vars(found)) == (str(fault), fault.args, vars(fault))


def test_a_batch_that_redis_does_not_take_is_told_with_its_ids() -> None:
    with PluginClient(f"redis://127.0.0.1:{free_port()}/0") as client:
        with pytest.raises(RedisUnavailable) as raised:
            client.batch([WRITE | {"id": "mine"}, WRITE])
        with pytest.raises(RedisUnavailable) as of_one:
            client.ask("enable", **WRITE["params"])
    mine, made = raised.value.ids
    assert (mine, bool(made)) == ("mine", True)
    assert of_one.value.ids == ()


@pytest.mark.parametrize("expires_s", [math.nan, math.inf, -math.inf, 1e300, 1e9 + 1])
def test_a_deadline_that_is_no_date_is_refused_before_anything_is_sent(expires_s: float) -> None:
    # Nothing listens there: whatever was sent would be RedisUnavailable.
    with PluginClient(f"redis://127.0.0.1:{free_port()}/0") as client:
        sendings: list[Callable[[], Any]] = [
            lambda: client.send("enable", expires_s=expires_s, **WRITE["params"]),
            lambda: client.ask("enable", expires_s=expires_s, **WRITE["params"]),
            lambda: client.batch([WRITE], expires_s=expires_s),
        ]
        for sending in sendings:
            with pytest.raises(errors.InvalidParameter) as refused:
                sending()
            assert refused.value.details == {"path": "expires"}


@pytest.mark.parametrize("expires_s", [1e9, -1.0])
def test_any_other_deadline_is_sent(expires_s: float, redis_url: str) -> None:
    with PluginClient(redis_url) as client:
        assert client.send("enable", expires_s=expires_s, **WRITE["params"])
