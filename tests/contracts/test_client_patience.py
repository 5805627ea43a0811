"""A caller whose Redis is silent waits no longer than it said, however long Redis may take to answer."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts import client as callers
from contracts._client import sender
from contracts._redis import silence
from contracts._redis.silence import Silences
from contracts._redis.url import TIMEOUTS
from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from tests.support.impostor import Impostor, meta
from tests.support.servers import RedisServer, wait_until
from tests.support.silence import SilentHost

ENOUGH_S = 30.0
"""Far above what the callers wait for, and far below what Redis may take here."""

GET: dict[str, Any] = {"domain_id": "d", "plugin_id": "jira"}
COMMANDS = [{"operation": "enable", "params": GET}]


def ask(client: PluginClient) -> object:
    return client.ask("get", timeout_s=0.2, **GET)


CALLS: dict[str, Callable[[PluginClient], object]] = {
    "ask": ask,
    "send": lambda client: client.send("enable", **GET),
    "send_many": lambda client: client.send_many(COMMANDS),
    "ask_many": lambda client: list(client.ask_many(COMMANDS, timeout_s=0.2)),
    "batch": lambda client: client.batch(COMMANDS, timeout_s=0.2),
}


@pytest.fixture(autouse=True)
def long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "silences", Silences())
    monkeypatch.setitem(TIMEOUTS, "socket_timeout", 60)
    monkeypatch.setitem(TIMEOUTS, "socket_connect_timeout", 60)
    for module in (callers, sender):
        monkeypatch.setattr(module, "SEND_S", 0.5)


@pytest.fixture
def host(redis_server: RedisServer) -> Iterator[SilentHost]:
    with SilentHost(redis_server.port) as made:
        yield made


@pytest.mark.parametrize(
    ("how", "is_warm", "accepts"),
    [
        *((how, True, True) for how in CALLS),
        ("ask", False, True),
        ("ask", True, False),
        ("send", False, False),
    ],
)
def test_a_call_ends_in_time(host: SilentHost, how: str, is_warm: bool, accepts: bool) -> None:
    with ThreadPoolExecutor(1) as thread, PluginClient(host.url()) as client:
        if is_warm:
            with pytest.raises(AskTimeout):
                ask(client)
            client.send_many(COMMANDS)
        host.fall_silent(accepts)
        called = thread.submit(CALLS[how], client)
        try:
            assert isinstance(called.exception(ENOUGH_S), RedisUnavailable)
        finally:
            host.come_back()


def test_who_waits_longer_hears_of_what_came_while_another_gave_up(
    redis_server: RedisServer, host: SilentHost
) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    told = meta(result="jira")

    def answer(headers: dict[str, Any]) -> bytes:
        asked.set()
        may_answer.wait(60)
        return told(headers)

    answering = Impostor(redis_server.url)
    answering.answer = answer
    answering.start()
    with ThreadPoolExecutor(1) as thread, PluginClient(redis_server.url, host.url()) as client:
        patient = thread.submit(client.ask, "get", timeout_s=60, **GET)
        asked.wait(60)
        wait_until(lambda: any(each["cmd"] == "get" for each in answering.client.client_list()), 60, "a look")
        host.fall_silent()
        with pytest.raises((AskTimeout, RedisUnavailable)):
            ask(client)
        may_answer.set()
        host.come_back()
        assert patient.result(ENOUGH_S) == "jira"
    answering.ending.set()
    answering.join()
    answering.client.close()
