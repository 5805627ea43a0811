"""How long the event loop sleeps between its turns."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu.asynchronous.hub import Hub
from kombu.asynchronous.timer import Timer
from kombu.connection import Connection

import worker.transport.channel as transport
from tests.support.servers import RedisServer
from worker.transport.inboxes import close_inboxes

QUEUES = ("turns.one", "turns.two", "turns.three")


class Loop:
    """The event loop of a worker that consumes ``queues``, turn by turn.

    ``woken`` is, turn by turn, whether something woke it before its sleep was over.
    """

    def __init__(self, url: str, queues: tuple[str, ...], sleep_s: float | None = None) -> None:
        self.woken: list[bool] = []
        self._hub = Hub(timer=Timer())
        poll = self._hub.poller.poll

        def record(timeout: float) -> Any:
            events = poll(timeout if sleep_s is None else sleep_s)
            self.woken.append(bool(events))
            return events

        self._hub.poller.poll = record
        options = {"exclusive_queues": QUEUES}
        self.connection = Connection(url, transport=transport.Transport, transport_options=options)
        channel = self.connection.channel()
        for queue in queues:
            channel.basic_consume(queue, False, lambda message: None, queue)
        self.connection.transport.register_with_event_loop(self.connection.connection, self._hub)

    def turn(self) -> None:
        next(self._hub.loop)

    def close(self) -> None:
        close_inboxes()
        self.connection.close()
        self._hub.close()


@pytest.fixture
def make_loop() -> Iterator[Callable[..., Loop]]:
    loops: list[Loop] = []

    def make(*args: Any, **options: Any) -> Loop:
        loops.append(Loop(*args, **options))
        return loops[-1]

    yield make
    for loop in loops:
        loop.close()


@pytest.mark.parametrize("queues", [QUEUES[:1], QUEUES[:2], QUEUES])
def test_a_loop_that_left_messages_behind_is_woken_at_once(
    server: RedisServer,
    client: redis.Redis,
    make_loop: Callable[..., Loop],
    monkeypatch: pytest.MonkeyPatch,
    queues: tuple[str, ...],
) -> None:
    monkeypatch.setattr(transport, "TAKE_S", 0.0)
    client.lpush(queues[0], *[b"[1]"] * 100)
    loop = make_loop(server.url, queues, sleep_s=30.0)
    while client.exists(queues[0]):
        loop.turn()
        assert loop.woken[-1]
    assert len(loop.woken) > 10
