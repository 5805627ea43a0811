"""The listener of remote control, on a real Redis: what it takes in one run, and what it leaves there."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from contracts._redis import silence
from contracts._redis.connect import open_redis
from tests.support.control import CHANNEL, REPLIES, answer_in, asking, control_message
from tests.support.servers import RedisServer, wait_until
from tests.support.silence import SilentHost
from worker.app import create_app
from worker.process import remote_control
from worker.process.mailbox import reply_list
from worker.process.panel import NO_PATTERNS, Panel
from worker.process.remote_control import ANSWERS_AT_ONCE, MAX_ANSWERS, MOST_BEHIND, Listener
from worker.settings import Settings

ME = str(uuid4())
MINE = f"{ME}.{REPLIES}"


@pytest.fixture
def listener(client: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    # However slow the machine is, the number of answers is what ends a run.
    monkeypatch.setattr(remote_control, "BUSY_S", 600.0)
    made = Listener(client, Panel(SimpleNamespace(app=create_app(Settings()), hostname="w@host")))
    made.run()
    wait_until(lambda: client.publish(CHANNEL, "x"))
    made.run()
    yield made
    made.close()


def answers(client: Any, key: str = MINE) -> list[Any]:
    """What was answered, the first one first."""
    return [answer_in(raw)["w@host"] for raw in reversed(client.lrange(key, 0, -1))]


def ask(client: Any, method: str = "ping", **body: Any) -> None:
    assert client.publish(CHANNEL, control_message(method, **asking(ME) | body)) == 1


def test_who_is_asked_answers(listener: Listener, client: Any) -> None:
    ask(client, destination=["other@host"])
    ask(client, destination=["other@host", "w@host"])
    ask(client, destination=[])
    ask(client, pattern="w@*", matcher="pcre")
    listener.run()
    assert answers(client) == [{"ok": "pong"}, {"ok": "pong"}, {"error": NO_PATTERNS}]
    assert set(client.keys("*")) == {MINE.encode()}


def test_a_run_answers_few_and_what_waits_for_long_is_dropped(
    listener: Listener, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_control, "KEPT_S", 600)
    asked = (MOST_BEHIND + 10) * ANSWERS_AT_ONCE
    for _ in range(asked):
        ask(client)
    listener.run()
    assert client.llen(MINE) == ANSWERS_AT_ONCE
    for _ in range(MOST_BEHIND - 1):
        listener.run()
    assert client.llen(MINE) == MOST_BEHIND * ANSWERS_AT_ONCE
    wait_until(lambda: not client.pubsub_numsub(CHANNEL)[0][1], what="it to hang up")
    listener.run()
    assert client.llen(MINE) == MOST_BEHIND * ANSWERS_AT_ONCE
    ask(client)
    listener.run()
    assert client.llen(MINE) == MOST_BEHIND * ANSWERS_AT_ONCE + 1


def test_a_run_ends_when_its_time_is_over(
    listener: Listener, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_control, "BUSY_S", 0.0)
    for _ in range(3):
        ask(client)
    listener.run()
    assert client.llen(MINE) == 1


def test_answers_that_nobody_reads_are_few_and_go(listener: Listener, client: Any) -> None:
    client.rpush(MINE, *[b"x"] * MAX_ANSWERS)
    other = str(uuid4())
    ask(client)
    ask(client, **asking(other))
    listener.run()
    assert client.llen(MINE) == MAX_ANSWERS
    assert client.lindex(MINE, 0) != b"x"
    assert 0 < client.ttl(reply_list(other)) <= 10


def test_a_key_of_another_kind_is_left_alone(
    listener: Listener, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.set(MINE, "x")
    ask(client)
    listener.run()
    assert client.get(MINE) == b"x"
    assert "Traceback" not in caplog.text


def test_an_answer_that_is_too_large_is_told_so(
    listener: Listener, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_control, "MAX_ANSWER_BYTES", 700)
    ask(client, "ping")
    ask(client, "registered")
    listener.run()
    pong, registered = answers(client)
    assert pong == {"ok": "pong"}
    assert "at most 700 are sent" in registered["error"]


def test_the_log_tells_of_refusals_once_a_minute_and_repeats_nothing(
    listener: Listener, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    for _ in range(30):
        ask(client, "evil\nmethod")
        client.publish(CHANNEL, "evil")
        listener.run()
    assert len(caplog.records) <= 1
    assert "evil" not in caplog.text


def test_a_listener_that_can_hear_nothing_any_more_listens_anew(
    redis_server: RedisServer, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_control, "BUSY_S", 600.0)
    monkeypatch.setattr(silence, "SILENT_S", 0.1)
    with SilentHost(redis_server.port) as host, open_redis(host.url()) as through:
        through.connection_pool.connection_kwargs["health_check_interval"] = 0.1
        listener = Listener(through, Panel(SimpleNamespace(app=create_app(Settings()), hostname="w@host")))
        listener.run()
        host.fall_silent()
        host.come_back()

        def is_heard() -> bool:
            client.publish(CHANNEL, control_message("ping", **asking(ME)))
            listener.run()
            return bool(client.exists(MINE))

        wait_until(is_heard, 60, "an answer")
        listener.close()
