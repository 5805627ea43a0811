"""Which errors of MongoDB are waited for."""

from typing import Any

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError, OperationFailure, PyMongoError

from worker.store.outage import is_outage

STEPPED_DOWN, DUPLICATE, TOO_LARGE = 189, 11000, 10334


def bulk(*codes: int, concern: int = 0) -> BulkWriteError:
    details: dict[str, Any] = {"writeErrors": [{"code": code} for code in codes]}
    return BulkWriteError(details | {"writeConcernErrors": [{"code": concern}] if concern else []})


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        (AutoReconnect("gone"), True),
        (OperationFailure("stepped down", STEPPED_DOWN), True),
        (OperationFailure("the primary that had the cursor is gone", 43), True),
        (OperationFailure("too large", TOO_LARGE), False),
        (bulk(STEPPED_DOWN), True),
        (bulk(concern=STEPPED_DOWN), True),
        (bulk(DUPLICATE, STEPPED_DOWN), True),
        (bulk(DUPLICATE, concern=64), True),
        (bulk(TOO_LARGE), False),
        (bulk(DUPLICATE), False),
    ],
    ids=str,
)
def test_an_outage_is_told_from_a_fault(fault: PyMongoError, waits: bool) -> None:
    assert is_outage(fault) is waits
