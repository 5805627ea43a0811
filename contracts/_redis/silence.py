"""Connections to Redis that notice when its host has fallen silent, and tell each other.

A host that is gone without a word, or that another has replaced, leaves connections that look open. The
first one that meets the silence pays for it, ``SILENT_S``: all others to that host that are as old are then
not used again, whichever pool they are in.
"""

# mypy: disallow-untyped-calls=False

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from redis.connection import AbstractConnection

from contracts._redis.patience import is_limited, patience
from contracts._redis.url import SILENT_S

_Address = tuple[Any, Any]

# What nobody asks anything on is looked after by the kernel, in the same time.
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 3, "TCP_KEEPINTVL": 1, "TCP_USER_TIMEOUT": int(SILENT_S * 1000)}
# A best-effort client that waits for less learns nothing of the host.
_LONG_ENOUGH_S: Final = 0.5 * SILENT_S


class Silences:
    """Which hosts were found silent, by any connection of this process. Threads may share it."""

    def __init__(self) -> None:
        self._found_at: dict[_Address, float] = {}
        self._mute: set[_Address] = set()
        self._hurried = False

    def note(self, address: _Address) -> None:
        """A connection to ``address`` got no answer for a while."""
        self._found_at[address] = time.monotonic()
        self._mute.add(address)

    def heard(self, address: _Address) -> None:
        """There was an answer from ``address``."""
        if self._mute:
            self._mute.discard(address)

    def doubts(self, address: _Address, connected_at: float) -> bool:
        """Return whether ``address`` was found silent since a connection to it was made."""
        return connected_at <= self._found_at.get(address, float("-inf"))

    def hurry(self) -> None:
        """The process ends: a host that is silent is not waited for again."""
        self._hurried = True

    def gives_up(self, address: _Address) -> bool:
        """Return whether ``address`` is not to be waited for."""
        return self._hurried and address in self._mute


silences: Final = Silences()
"""Those of this process."""


class _Noticing(AbstractConnection):
    """A connection that is made anew where the old one is in doubt.

    ``asked_at``: since when an answer is waited for, in monotonic seconds; None: for none. ``heard_at``: when
    the last one came.
    """

    asked_at: float | None = None
    heard_at = 0.0
    _made_at = 0.0

    @property
    def address(self) -> _Address:
        """Host and port."""
        return self.host, getattr(self, "port", None)

    @property
    def is_open(self) -> bool:
        """Whether it was made and not dropped."""
        return self._sock is not None

    @property
    def is_doubted(self) -> bool:
        """Whether its host was found silent since it was made."""
        return self.is_open and silences.doubts(self.address, self._made_at)

    @property
    def is_silent(self) -> bool:
        """Whether it is in doubt, or an answer has not come for ``SILENT_S``. Read first what is there."""
        is_late = self.asked_at is not None and time.monotonic() - self.asked_at > SILENT_S
        return self.is_open and (is_late or self.is_doubted)

    def connect(self) -> None:
        """Connect, unless it is; pools call this each time that they lend it."""
        if self.is_doubted:
            self.disconnect()
        super().connect()

    def _connect(self) -> Any:
        if silences.gives_up(self.address):
            raise redis.ConnectionError("Redis is silent, and this process ends")
        self.asked_at, made_at, waits_s = None, time.monotonic(), self.socket_connect_timeout
        try:
            self.socket_connect_timeout = patience(waits_s)
            made = super()._connect()  # type: ignore[safe-super]  # it comes before a class that has it
        except TimeoutError:
            patience(None)
            silences.note(self.address)
            raise
        finally:
            self.socket_connect_timeout = waits_s
        self._made_at = made_at
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            # Not every system has them.
            if option := getattr(socket, name, None):
                made.setsockopt(socket.IPPROTO_TCP, option, value)
        return made

    def on_connect_check_health(self, check_health: bool = True) -> None:
        """Log in: whoever does not even greet is waited for no longer than one who does not pick up."""
        made: Any = self._sock
        made.settimeout(patience(self.socket_connect_timeout))
        super().on_connect_check_health(check_health)
        made.settimeout(self.socket_timeout)

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send a command, connecting if need be."""
        begun = time.monotonic()
        patience(None)
        try:
            super().send_packed_command(command, check_health)
        except redis.TimeoutError:
            self._note_since(begun)
            patience(None)
            raise
        if self.asked_at is None:
            self.asked_at = time.monotonic()

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        """Return one answer."""
        begun = time.monotonic()
        try:
            with self._in_time():
                answer = super().read_response(*args, **kwargs)
        except redis.ResponseError:
            self._heard()
            raise
        except redis.TimeoutError:
            self._note_since(begun)
            patience(None)
            raise
        self._heard()
        return answer

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Wait for no longer than this thread may."""
        if not is_limited() or self._sock is None:
            yield
            return
        read: Any = self._sock
        given = read.gettimeout()
        read.settimeout(patience(given))
        try:
            yield
        finally:
            if self._sock is read:
                read.settimeout(given)

    def _heard(self) -> None:
        self.asked_at, self.heard_at = None, time.monotonic()
        silences.heard(self.address)

    def _note_since(self, begun: float) -> None:
        if time.monotonic() - begun >= _LONG_ENOUGH_S:
            silences.note(self.address)


class Connection(_Noticing, redis.Connection):
    """One over TCP."""


class SSLConnection(_Noticing, redis.SSLConnection):
    """One over TLS."""


def connection_class(url: str) -> type[Connection] | type[SSLConnection]:
    """Return the class of the connections to the Redis at ``url``."""
    return SSLConnection if url.startswith("rediss:") else Connection
