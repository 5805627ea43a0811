"""`contracts.subscriber` and a Redis whose answers get lost, or that has lost what it held."""

import contextlib
import socket
import threading
from typing import Any, Self

import pytest
from redis import Redis

from contracts.events import STREAM
from contracts.subscriber import Event, Gap, Subscriber
from tests.contracts.subscribers import publish
from tests.support.any_redis import REAL, AnyRedis

GROUP = "billing"
AN_HOUR_MS = 3_600_000


class LossyLine:
    """Listens, and hands on to `port` of this machine; a context manager.

    It loses the answer to the first command that holds `words`, and the connection with it.
    """

    def __init__(self, port: int, words: bytes) -> None:
        self._target = port
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lost = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            caller,
            socket.create_connection(("127.0.0.1", self._target)) as server,
        ):
            # One command at a time is on its way, and both it and its answer fit one read.
            while command := caller.recv(1 << 20):
                server.sendall(command)
                answer = server.recv(1 << 20)
                if self._words in command and not self.lost.is_set():
                    self.lost.set()
                    return
                caller.sendall(answer)


@pytest.fixture
def redis(any_redis: AnyRedis) -> Any:
    return any_redis.client()


def publish_all(redis: Any, *revisions: int) -> None:
    for revision in revisions:
        publish(redis, revision)


def leave_to_a_dead_consumer(redis: Any) -> None:
    """Everything on the stream was given to a consumer an hour ago, and never acknowledged."""
    redis.xreadgroup(GROUP, "dead", {STREAM: ">"})
    entries = [entry for entry, _ in redis.xrange(STREAM)]
    redis.xclaim(STREAM, GROUP, "dead", 0, entries, idle=AN_HOUR_MS)


# A fake has no line that could lose anything.
@pytest.mark.parametrize("any_redis", REAL, indirect=True)
@pytest.mark.parametrize("lost", [b"\r\n>\r\n", b"XAUTOCLAIM", b"XACK", b"HSET"], ids=repr)
def test_an_answer_that_is_lost_loses_no_event(redis: Any, lost: bytes) -> None:
    redis.xgroup_create(STREAM, GROUP, "0", mkstream=True)
    publish_all(redis, 1, 2, 3, 4)
    leave_to_a_dead_consumer(redis)
    publish_all(redis, 5, 6, 7, 8)
    seen: list[int] = []
    gaps: list[Gap] = []
    port = redis.connection_pool.connection_kwargs["port"]
    # A client that is made so sends a command again whose answer it did not get.
    with LossyLine(port, lost) as line, Redis(port=line.port) as client:
        subscriber = Subscriber(
            client,
            GROUP,
            "a",
            lambda event: seen.append(event.revision),
            count=2,
            idle_s=AN_HOUR_MS / 2000,
            on_gap=gaps.append,
        )
        for _ in range(10):
            subscriber.poll()
    assert line.lost.is_set()
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert gaps == []
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


@pytest.mark.parametrize("joined", ["by join", "by another"])
def test_a_running_subscriber_gets_the_repairs_of_a_redis_that_lost_everything(
    redis: Any, joined: str
) -> None:
    seen: list[int] = []

    def handle(event: Event) -> None:
        seen.append(event.revision)

    publish(redis, 1)
    subscriber = Subscriber(redis, GROUP, "a", handle, start="now")
    if joined == "by join":
        subscriber.join()
    else:
        redis.xgroup_create(STREAM, GROUP, "$")
        subscriber.poll()
    redis.flushall()
    publish(redis, 7)  # what the service repairs while there is no group
    for _ in range(3):
        subscriber.poll()
    assert seen == [7]
