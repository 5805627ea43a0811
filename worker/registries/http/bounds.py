"""What one request may take of a thread, whatever the server does: time, and pieces to read."""

import os
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from errno import EINPROGRESS
from functools import partial
from http.client import HTTPResponse
from io import BufferedReader
from math import inf
from threading import Thread
from time import monotonic
from typing import Any, TypeVar

from worker.registries.http.deadline import LOOK_S, Deadline

T = TypeVar("T")

_PIECES = 65_536


class TooManyPieces(OSError):
    """Raised when an answer comes in more pieces than one request may take."""


@dataclass(slots=True)
class _Bounds:
    """What is left. ``pieces``: reads of the network, and lines."""

    deadline: Deadline
    pieces: int


_bounds: ContextVar[_Bounds | None] = ContextVar("bounds", default=None)


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Bound all that this thread waits for in the block, and the pieces that it reads.

    A timeout for each read is not enough: a server that sends a byte now and then never runs into it. Nor is
    a limit of bytes: interim answers, chunks of one byte and trailers cost much work and few bytes of a body.
    """
    token = _bounds.set(_Bounds(deadline, _PIECES))
    try:
        yield
    finally:
        _bounds.reset(token)


def bounded(timeout: float | None) -> float:
    """Return ``timeout``, or the rest of the time if that is less. Raises: ``TimeoutError`` if it is over."""
    bounds = _bounds.get()
    left = bounds.deadline.left_s() if bounds else inf
    if left <= 0:
        raise TimeoutError("the time for this image is over")
    return left if timeout is None else min(timeout, left)


def take_piece() -> None:
    """Count one read, or one line. Raises: ``TooManyPieces``."""
    if bounds := _bounds.get():
        bounds.pieces -= 1
        if bounds.pieces < 0:
            raise TooManyPieces("an answer in too many pieces")


def apart(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, which keeps to no bounds by itself: another thread does it, and is left
    alone when the time is over.

    Raises: what ``work`` raises; ``TimeoutError`` if the time is over.
    """
    result: Future[T] = Future()
    Thread(target=_work, args=(result, work), name="apart", daemon=True).start()
    while True:
        left = bounded(LOOK_S)
        try:
            return result.result(left)
        except TimeoutError:
            if result.done():
                raise


def _work(result: "Future[T]", work: Callable[[], T]) -> None:
    try:
        result.set_result(work())
    except BaseException as error:  # noqa: BLE001  # whoever waits for the result raises it
        result.set_exception(error)


def _in_turns(connection: socket.socket, act: Callable[[], T]) -> T:
    """Return what ``act`` returns, which waits for ``connection`` no longer than its timeout; within the
    bounds, which are looked at again and again: they may become narrower.
    """
    timeout = connection.gettimeout()
    ends = inf if timeout is None else monotonic() + timeout
    try:
        while True:
            left = bounded(max(0.0, ends - monotonic()))
            connection.settimeout(min(left, LOOK_S))
            try:
                return act()
            except TimeoutError:
                if monotonic() >= ends:
                    raise
    finally:
        connection.settimeout(timeout)


class BoundedSocket(socket.socket):
    """A socket that connects and reads within the bounds of its thread."""

    def connect(self, address: Any) -> None:
        timeout = self.gettimeout()
        self.setblocking(False)
        try:
            status = super().connect_ex(address)
        finally:
            self.settimeout(timeout)
        if status == EINPROGRESS:
            _in_turns(self, self._wait_until_connected)
            status = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status:
            raise OSError(status, os.strerror(status))

    def _wait_until_connected(self) -> None:
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        if not poll.poll((self.gettimeout() or 0.0) * 1000):
            raise TimeoutError("the connection is not answered")

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        take_piece()
        return _in_turns(self, partial(super().recv_into, *args, **kwargs))


class BoundedSSLSocket(ssl.SSLSocket):
    """The same over TLS."""

    def do_handshake(self, block: bool = False) -> None:
        _in_turns(self, partial(super().do_handshake, block))

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        take_piece()
        return _in_turns(self, partial(super().recv_into, *args, **kwargs))


class BoundedResponse(HTTPResponse):
    """Reads lines within the bounds of its thread: http.client reads interim answers, the sizes of chunks and
    trailers by lines, as many as there are.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = _BoundedReader(self.fp.detach())


class _BoundedReader(BufferedReader):
    def readline(self, size: int | None = -1, /) -> bytes:
        take_piece()
        return super().readline(size)
