"""What an error of MongoDB is told as: away, no right, wrong login, full, read-only."""

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)

from contracts.errors import StoreUnavailable
from worker.store.errors import outage, store_outage
from worker.store.outage import STORE_AWAY

FILTER = 'not authorized on plugins to execute command { find: "plugins", filter: { _id: "d/secret" } }'

CASES: list[tuple[PyMongoError, str, str]] = [
    (ServerSelectionTimeoutError("db:27017: [Errno 111] Connection refused"), "away", "connection refused"),
    (ServerSelectionTimeoutError("db: [Errno -2] Name or service not known"), "away", "not known"),
    (NetworkTimeout("db:27017: timed out"), "away", "no answer in time"),
    (AutoReconnect("connection closed"), "away", "was closed"),
    (ConfigurationError("The DNS query name does not exist"), "away", "cannot be reached"),
    (OperationFailure("Authentication failed.", 18), "wrong_login", "the user or the password"),
    (OperationFailure("bad auth : authentication failed", 8000), "wrong_login", "the user or the password"),
    (OperationFailure("command find requires authentication", 13), "wrong_login", "names none"),
    (OperationFailure(FILTER, 13), "no_right", "find on plugins.plugins:"),
    (
        OperationFailure("user is not allowed to do action [insert] on [plugins.images]", 8000),
        "no_right",
        "insert on plugins.images:",
    ),
    (OperationFailure("not authorized", 13), "no_right", "a command:"),
    (BulkWriteError({"writeErrors": [{"code": 13, "errmsg": "not authorized"}]}), "no_right", "a command:"),
    (OperationFailure("out of disk", 14031), "full", "disk"),
    (OperationFailure("you are over your space quota, using 513 MB", 8000), "full", "disk"),
    (NotPrimaryError("not primary"), "read_only", "no primary"),
    (OperationFailure("not primary", 10107), "read_only", "no primary"),
    (
        ServerSelectionTimeoutError('No replica set members match selector "Primary()"'),
        "read_only",
        "no primary",
    ),
]


@pytest.mark.parametrize(("error", "state", "told"), CASES, ids=lambda value: str(value)[:40])
def test_each_state_is_told_apart(error: PyMongoError, state: str, told: str) -> None:
    found = store_outage(error)
    assert found is not None
    assert (found.state, found.is_refusal) == (state, state in ("no_right", "wrong_login"))
    assert told in found.text
    assert "secret" not in found.text
    assert found.advice


@pytest.mark.parametrize("error", [case[0] for case in CASES], ids=str)
def test_a_caller_is_not_told_of_users_or_servers(error: PyMongoError) -> None:
    with pytest.raises(StoreUnavailable) as raised, outage():
        raise error
    assert "plugins." not in raised.value.message
    assert "user" not in raised.value.message
    assert raised.value.message.startswith(STORE_AWAY[:9])


def test_a_bug_is_none() -> None:
    assert store_outage(OperationFailure("bad", 2)) is None
    assert store_outage(None) is None
