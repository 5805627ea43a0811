"""Which errors of MongoDB are waited for."""

import socket
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import dns.name
import dns.resolver
import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)

from contracts.errors import StoreUnavailable
from worker.store.client import check_mongodb_url, connect_mongodb
from worker.store.dead_letters import DeadLetters, Filter
from worker.store.errors import is_mongodb_outage

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
        (ConfigurationError("the name does not resolve"), True),
        (InvalidURI("not percent-encoded"), False),
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
    assert is_mongodb_outage(fault) is waits


class Names:
    """Resolves mongodb+srv://db.plugins.test to one server, while it is not away."""

    def __init__(self, port: int) -> None:
        self.away = True
        self._server = SimpleNamespace(target=dns.name.from_text("a.plugins.test"), port=port)
        self._address = socket.getaddrinfo

    def resolve(self, name: str, kind: str, **_: Any) -> Any:
        if self.away:
            raise dns.resolver.NoNameservers
        if kind == "TXT":
            raise dns.resolver.NoAnswer
        return [self._server]

    def address(self, host: Any, *arguments: Any, **options: Any) -> Any:
        return self._address("127.0.0.1" if host == "a.plugins.test" else host, *arguments, **options)


def test_names_that_do_not_resolve_are_waited_for(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = urlsplit(mongodb_url)
    names = Names(url.port or 0)
    monkeypatch.setattr(dns.resolver, "resolve", names.resolve)
    monkeypatch.setattr(socket, "getaddrinfo", names.address)
    database = connect_mongodb(f"mongodb+srv://db.plugins.test{url.path}?tls=false")
    letters = DeadLetters(database)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="does not resolve, or an option of it is wrong"):
            letters.count(Filter())
    names.away = False
    assert letters.count(Filter()) == 0
    database.client.close()


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
@pytest.mark.parametrize(
    "options",
    [
        "readPreference=secondary&readPreferenceTags=nodeType:ANALYTICS",
        "readPreference=secondaryPreferred&maxStalenessSeconds=120",
    ],
)
def test_options_that_the_client_cannot_have_are_refused_at_once(scheme: str, options: str) -> None:
    with pytest.raises(ValueError, match="check the port") as refusal:
        check_mongodb_url(f"{scheme}://u:hunter2@db.plugins.test/plugins?{options}")
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
def test_a_url_is_checked_without_its_names(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(0)
    monkeypatch.setattr(dns.resolver, "resolve", names.resolve)
    check_mongodb_url(f"{scheme}://db.plugins.test/plugins?readPreference=secondary&retryWrites=true")
