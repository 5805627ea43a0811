"""A caller whose connections have died in silence: it gets its answers all the same."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis.client import PubSub

from contracts._redis import silence
from contracts._redis.silence import Silences
from contracts._redis.url import TIMEOUTS
from contracts.client import PluginClient
from tests.support.impostor import Impostor, meta
from tests.support.servers import RedisServer, wait_until
from tests.support.silence import SilentHost

WAIT_S = 0.5
GET: dict[str, Any] = {"domain_id": "d", "plugin_id": "jira"}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "silences", Silences())
    monkeypatch.setattr(silence, "SILENT_S", WAIT_S)
    monkeypatch.setattr(silence, "_LONG_ENOUGH_S", WAIT_S / 2)
    monkeypatch.setitem(TIMEOUTS, "socket_timeout", WAIT_S)


@pytest.fixture
def host(redis_server: RedisServer) -> Iterator[SilentHost]:
    with SilentHost(redis_server.port) as made:
        yield made


@pytest.mark.parametrize("silent", ["questions", "answers", "both"])
def test_a_caller_gets_its_answer_through_connections_that_have_died_in_silence(
    redis_server: RedisServer, host: SilentHost, silent: str
) -> None:
    url = redis_server.url
    answering = Impostor(url)
    answering.answer = meta(result="jira")
    questions, answers = (url if silent == other else host.url() for other in ("answers", "questions"))
    answering.start()
    with PluginClient(questions, answers) as client:
        assert client.ask("get", **GET) == "jira"
        host.fall_silent()
        host.come_back()
        assert client.ask("get", timeout_s=60, **GET) == "jira"
    answering.ending.set()
    answering.join()
    answering.client.close()


def test_a_caller_that_waits_hears_of_an_answer_that_comes_after_a_silence(
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

    def fall_silent_for_a_moment() -> None:
        asked.wait(60)
        # It has looked for the answer, and from now on only listens.
        wait_until(lambda: any(each["cmd"] == "get" for each in answering.client.client_list()), 60, "a look")
        host.fall_silent()
        host.come_back()
        may_answer.set()

    threading.Thread(target=fall_silent_for_a_moment, daemon=True).start()
    with PluginClient(redis_server.url, host.url()) as client:
        assert client.ask("get", timeout_s=60, **GET) == "jira"
    answering.ending.set()
    answering.join()
    answering.client.close()


def test_an_answer_is_found_that_comes_while_the_caller_listens_anew(
    redis_server: RedisServer, host: SilentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between the look for what came meanwhile and the new subscription."""
    asked, may_answer = threading.Event(), threading.Event()
    told, subscribe = meta(result="jira"), PubSub.subscribe
    answering = Impostor(redis_server.url)

    def answer(headers: dict[str, Any]) -> bytes:
        asked.set()
        may_answer.wait(60)
        return told(headers)

    def subscribe_late(pubsub: PubSub, *channels: bytes) -> None:
        if asked.is_set() and pubsub.connection is None:
            may_answer.set()
            wait_until(lambda: answering.client.exists(*channels), 60, "the answer")
        subscribe(pubsub, *channels)

    def fall_silent_for_a_moment() -> None:
        asked.wait(60)
        host.fall_silent()
        host.come_back()

    monkeypatch.setattr(PubSub, "subscribe", subscribe_late)
    answering.answer = answer
    answering.start()
    threading.Thread(target=fall_silent_for_a_moment, daemon=True).start()
    with PluginClient(redis_server.url, host.url()) as client:
        assert client.ask("get", timeout_s=60, **GET) == "jira"
    assert may_answer.is_set()
    answering.ending.set()
    answering.join()
    answering.client.close()
