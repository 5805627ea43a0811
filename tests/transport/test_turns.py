"""How long the event loop sleeps between its turns."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from kombu.asynchronous.hub import Hub
from kombu.asynchronous.timer import Timer
from kombu.connection import Connection

import worker.transport.kombu as transport
from tests.support.seams import take_out
from tests.support.servers import RedisServer
from tests.transport.elements import note
from tests.transport.protections import PROTECTIONS
from worker.transport.group import Group
from worker.transport.inboxes import close_inboxes
from worker.transport.options import Options

QUEUES = ("turns.one", "turns.two", "turns.three")
SHARED = "turns.shared"


class Loop:
    """The event loop of a worker that consumes ``queues``, turn by turn.

    ``woken`` is, turn by turn, whether something woke it before its sleep was over. ``slept`` counts its sleeps,
    each as it begins.
    """

    def __init__(
        self, url: str, queues: tuple[str, ...], sleep_s: float | None = None, group_max: int = 256
    ) -> None:
        self.sleep_s = sleep_s
        self.woken: list[bool] = []
        self.slept = threading.Semaphore(0)
        self.received: list[Group] = []
        self._hub = Hub(timer=Timer())
        poll = self._hub.poller.poll

        def record(timeout: float) -> Any:
            self.slept.release()
            events = poll(timeout if self.sleep_s is None else self.sleep_s)
            self.woken.append(bool(events))
            return events

        self._hub.poller.poll = record
        options = {"queue_options": Options(exclusive=QUEUES, shared=(SHARED,), group_max=group_max)}
        self.connection = Connection(url, transport=transport.Transport, transport_options=options)
        self.channel = self.connection.channel()
        for queue in queues:
            self.channel.basic_consume(queue, False, self.received.append, queue)
        self.connection.transport.register_with_event_loop(self.connection.connection, self._hub)

    def turn(self) -> None:
        before = len(self.woken)
        next(self._hub.loop)
        if len(self.woken) == before:
            # With nothing to listen to yet, it sleeps for a moment only.
            self.woken.append(True)

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
    monkeypatch.setattr("worker.transport.channel.TAKE_S", 0.0)
    client.lpush(queues[0], *[b"[1]"] * 100)
    loop = make_loop(server.url, queues, sleep_s=30.0, group_max=1)
    while client.exists(queues[0]):
        loop.turn()
        assert loop.woken[-1]
    assert len(loop.woken) > 10


@pytest.mark.parametrize("queues", [QUEUES[:1], QUEUES[:2]])
def test_nothing_of_the_exclusive_queues_is_taken_while_a_group_is_in_hand(
    server: RedisServer, client: redis.Redis, make_loop: Callable[..., Loop], queues: tuple[str, ...]
) -> None:
    client.lpush(queues[-1], note(1), note(2), note(3))
    loop = make_loop(server.url, queues, sleep_s=0.02, group_max=2)
    _turn_until(loop, lambda: bool(loop.received))
    for queue in queues:
        client.lpush(queue, note(4))
    for _ in range(20):
        loop.channel.look_again()
        loop.turn()
    (group,) = loop.received
    assert len(group.deliveries) == 2
    group.deliveries[0].ack()
    loop.turn()
    assert len(loop.received) == 1
    group.deliveries[1].ack()
    _turn_until(loop, lambda: len(loop.received) == 2)


def test_a_message_that_comes_while_another_is_in_work_wakes_the_loop(
    server: RedisServer, client: redis.Redis, make_loop: Callable[..., Loop]
) -> None:
    loop = make_loop(server.url, (SHARED,), sleep_s=0.02)
    for _ in range(5):
        loop.turn()
    loop.sleep_s = 60.0
    loop.woken.clear()
    loop.slept = threading.Semaphore(0)

    def push_into_each_sleep() -> None:
        for number in range(2):
            assert loop.slept.acquire(timeout=60)
            client.lpush(SHARED, note(number))

    pushing = threading.Thread(target=push_into_each_sleep)
    pushing.start()
    loop.turn()
    loop.turn()
    pushing.join()
    loop.sleep_s = 0.02
    _turn_until(loop, lambda: len(loop.received) == 2)
    # Each message ended a sleep, and none waited for the next look; the last sleep was for a third one.
    assert loop.woken == [True, True, False]


def test_without_it_what_is_in_hand_is_handed_out_again(
    server: RedisServer,
    client: redis.Redis,
    make_loop: Callable[..., Loop],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The counterpart."""
    monkeypatch.setattr("worker.transport.channel.TAKE_S", 0.0)
    take_out(PROTECTIONS, "take_while_in_hand", monkeypatch.setattr)
    with pytest.raises((AssertionError, ValueError)):
        test_nothing_of_the_exclusive_queues_is_taken_while_a_group_is_in_hand(
            server, client, make_loop, QUEUES[:1]
        )


def _turn_until(loop: Loop, condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        loop.turn()
    raise AssertionError("the loop has turned 500 times")
