"""Connected clients of a remote repository, each lent to one thread at a time."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

logger = logging.getLogger(__name__)


class Client(Protocol):
    """What is needed of ``Line``."""

    def ask(self, operation: str, *, timeout_s: float, expires_s: float, **params: Any) -> Any: ...

    def close(self) -> None: ...


Connect = Callable[[str, str | None, float], Client]
"""``(redis_url, token, timeout_s) -> client``."""


class Clients:
    """Lends clients by the token they send; one that has failed is not lent again."""

    def __init__(self, connect: Callable[[str | None], Client]) -> None:
        self._connect = connect
        self._idle: list[tuple[str | None, Client]] = []
        self._lock = threading.Lock()
        self._closed = False

    def take(self, token: str | None) -> Client:
        """A client that sends ``token``; those of another token are closed, as it was replaced."""
        with self._lock:
            fits = next((i for i, (held, _) in enumerate(self._idle) if held == token), None)
            if fits is not None:
                return self._idle.pop(fits)[1]
            outdated, self._idle = self._idle, []
        for _, client in outdated:
            self.drop(client)
        return self._connect(token)

    def give_back(self, client: Client, token: str | None) -> None:
        """Have a client lent again."""
        with self._lock:
            if not self._closed:
                self._idle.append((token, client))
                return
        self.drop(client)

    def drop(self, client: Client) -> None:
        """Close a client that has failed. Never raises."""
        try:
            client.close()
        except Exception as fault:  # noqa: BLE001  # what broke may break once more when it is closed
            logger.info("a connection to a remote repository could not be closed: %s", type(fault).__name__)

    def close(self) -> None:
        """Close what is idle now, and what is still lent when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, client in idle:
            self.drop(client)
