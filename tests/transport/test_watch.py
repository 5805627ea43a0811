"""Being told of a change, however close it comes to the question."""

import socket
from collections.abc import Callable, Iterator

import pytest
import redis

from contracts._redis import silence
from contracts._redis.connect import open_redis
from contracts._redis.silence import Silences
from tests.support.servers import RedisServer, wait_until
from worker.transport.wakeup import Wakeup

KEY = "test.watched"


@pytest.fixture
def watch(server: RedisServer, client: redis.Redis) -> Iterator[Wakeup]:
    with open_redis(server.url) as for_its_parameters:
        pool = for_its_parameters.connection_pool
        made = Wakeup({**pool.connection_kwargs, "connection_class": pool.connection_class})
    yield made
    made.close()
    client.delete(KEY)


def between_question_and_answer(watch: Wakeup, happens: Callable[[], object]) -> None:
    """Have something happen after Redis has answered `EXISTS` and before the answer is read."""
    send = watch._connection.send_command

    def send_and_let_it_happen(*command: str) -> None:
        send(*command)
        if command[0] != "EXISTS":
            return
        sock: socket.socket = watch._connection._sock
        wait_until(lambda: bool(sock.recv(1, socket.MSG_PEEK)), what="the answer")
        happens()
        wait_until(lambda: b"invalidate" in sock.recv(4096, socket.MSG_PEEK), what="the announcement")

    watch._connection.send_command = send_and_let_it_happen


def test_a_change_that_arrives_with_the_answer_is_seen(watch: Wakeup, client: redis.Redis) -> None:
    assert watch.arm([KEY]) is False
    between_question_and_answer(watch, lambda: client.lpush(KEY, "x"))
    assert watch.arm([KEY]) is True


def test_nothing_there_is_nothing_seen(watch: Wakeup) -> None:
    assert watch.arm([KEY]) is False
    assert watch.arm([KEY]) is False


def test_a_host_that_was_silent_is_not_asked_over_the_old_connection(
    watch: Wakeup, monkeypatch: pytest.MonkeyPatch
) -> None:
    silences = Silences()
    monkeypatch.setattr(silence, "silences", silences)
    assert watch.arm([KEY]) is False
    silences.note(watch._connection.address)
    with pytest.raises(redis.ConnectionError, match="was silent"):
        watch.arm([KEY])
