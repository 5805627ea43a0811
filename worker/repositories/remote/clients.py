"""The connected clients of a remote repository, each lent to one thread at a time.

Threads do not share one: a client that has failed is closed, which would end what the others wait for.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from contracts.errors import ContractError

logger = logging.getLogger(__name__)


class Client(Protocol):
    """What is needed of ``Line``."""

    def ask(self, operation: str, *, timeout_s: float, expires_s: float, **params: Any) -> Any: ...

    def close(self) -> None: ...


Connect = Callable[[str, str | None, float], Client]
"""``(redis_url, token, timeout_s) -> client``."""


class Clients:
    """Lends clients by the token that they send. ``connect``: makes one that sends the token."""

    def __init__(self, connect: Callable[[str | None], Client]) -> None:
        self._connect = connect
        self._idle: list[tuple[str | None, Client]] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def lend(self, token: str | None) -> Iterator[Client]:
        """Lend a client for one ask. After any error but one that the remote answered, it is closed."""
        client = self._take(token)
        is_sound = False
        try:
            yield client
            is_sound = True
        except ContractError:
            is_sound = True
            raise
        finally:
            with self._lock:
                is_kept = is_sound and not self._closed
                if is_kept:
                    self._idle.append((token, client))
            if not is_kept:
                _close(client)

    def _take(self, token: str | None) -> Client:
        """Take an idle client that sends ``token``, or connect one and close those of a former token."""
        with self._lock:
            fits = next((i for i, (sent, _) in enumerate(self._idle) if sent == token), None)
            if fits is not None:
                return self._idle.pop(fits)[1]
            outdated, self._idle = self._idle, []
        for _, client in outdated:
            _close(client)
        return self._connect(token)

    def close(self) -> None:
        """Close the idle clients now, and those that are lent when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, client in idle:
            _close(client)


def _close(client: Client) -> None:
    try:
        client.close()
    except Exception as error:  # noqa: BLE001  # what broke may break once more when it is closed
        logger.info("a connection to a remote repository could not be closed: %s", type(error).__name__)
