"""Connections to a host that falls silent, and to the one that has taken its place."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis

from contracts._redis import silence
from contracts._redis.connect import FAIL_FAST_OPTIONS
from contracts._redis.silence import Connection, Silences
from contracts._redis.url import SILENT_S
from tests.support.silence import SilentHost

WAIT_S = 0.5


@pytest.fixture(autouse=True)
def silences(monkeypatch: pytest.MonkeyPatch) -> Silences:
    """Of this test alone, and with short waits."""
    made = Silences()
    monkeypatch.setattr(silence, "silences", made)
    monkeypatch.setattr(silence, "SILENT_S", WAIT_S)
    monkeypatch.setattr(silence, "_LONG_ENOUGH_S", WAIT_S / 2)
    return made


class Ponging(socketserver.ThreadingTCPServer):
    """Answers whatever it reads with PONG, which is all that is asked of a Redis here."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Pong)


class Pong(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):
            while piece := self.request.recv(65_536):
                self.request.sendall(b"+PONG\r\n" * piece.count(b"*"))


@pytest.fixture
def host() -> Iterator[SilentHost]:
    with Ponging() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        with SilentHost(server.server_address[1]) as made:
            yield made
        server.shutdown()
        serving.join()


@pytest.fixture
def opened(host: SilentHost) -> Iterator[Callable[..., Any]]:
    made = []

    def make(**options: Any) -> Any:
        given = {"protocol": 2, "socket_timeout": WAIT_S, "socket_connect_timeout": WAIT_S} | options
        made.append(redis.Redis.from_url(host.url(), connection_class=Connection, **given))
        return made[-1]

    yield make
    for client in made:
        client.close()


def with_connections(client: Any, count: int = 1) -> Any:
    """The client, with so many idle connections."""
    pool = client.connection_pool
    for connection in [pool.get_connection() for _ in range(count)]:
        pool.release(connection)
    return client


def test_the_first_timeout_is_the_last(host: SilentHost, opened: Callable[..., Any]) -> None:
    first, second = with_connections(opened(), 3), with_connections(opened())
    host.fall_silent()
    host.come_back()
    with pytest.raises(redis.TimeoutError):
        first.ping()
    # Each of these has a connection from before the silence.
    assert all(client.ping() for client in (first, first, first, second))


def test_who_waits_for_less_than_that_learns_nothing_of_the_host(
    host: SilentHost, opened: Callable[..., Any], silences: Silences
) -> None:
    hasty = with_connections(opened(**FAIL_FAST_OPTIONS | {"socket_timeout": WAIT_S / 10}))
    host.fall_silent()
    with pytest.raises(redis.TimeoutError):
        hasty.ping()
    assert not silences.doubts(("127.0.0.1", host.port), 0.0)


@pytest.mark.parametrize("accepts", [True, False])
def test_a_process_that_ends_waits_for_a_silent_host_once(
    host: SilentHost, opened: Callable[..., Any], silences: Silences, accepts: bool
) -> None:
    client = opened()
    host.fall_silent(accepts)
    silences.hurry()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    with pytest.raises(redis.ConnectionError, match="this process ends"):
        client.ping()
    host.come_back()
    with pytest.raises(redis.ConnectionError, match="this process ends"):
        client.ping()


def test_a_process_that_ends_still_asks_a_host_that_answers(
    host: SilentHost, opened: Callable[..., Any], silences: Silences
) -> None:
    client = with_connections(opened())
    host.fall_silent()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    host.come_back()
    assert client.ping()
    silences.hurry()
    client.connection_pool.disconnect()
    assert client.ping()


def test_a_host_that_takes_the_connection_and_is_silent_is_waited_for_as_one_that_does_not(
    host: SilentHost, opened: Callable[..., Any]
) -> None:
    client, met = opened(socket_timeout=3600), []

    def ask() -> None:
        with pytest.raises(redis.TimeoutError):
            client.ping()
        met.append(True)

    host.fall_silent()
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(60)
    assert met


def test_the_kernel_looks_after_connections_that_only_listen(opened: Callable[..., Any]) -> None:
    with opened() as client:
        connection = client.connection_pool.get_connection()
        made: socket.socket = connection._sock
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * SILENT_S
        assert made.gettimeout() == connection.socket_timeout
        client.connection_pool.release(connection)
