"""The images that a refresh task still has to do, and its leases on them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from worker.store.image_queue import ImageQueue


class LeaseLost(Exception):
    """Raised when another has claimed the image meanwhile: what was read of it is not written."""


class Held:
    """The images of one task, under one token. ``clock`` gives the time in UTC."""

    def __init__(
        self, queue: ImageQueue, keys: list[str], token: str, clock: Callable[[], datetime], lease_s: float
    ) -> None:
        self._queue = queue
        self._waiting = keys
        self._current: str | None = None
        self._begun = False
        self._token = token
        self._clock = clock
        self._lease = timedelta(seconds=lease_s)
        self._renewed: datetime | None = None

    def next(self, host: str) -> str | None:
        """The image to do now: the first of the task, which may be what its group is probed with; then one
        that was looked at, else the next of the task; None at the end.
        """
        now = self._clock()
        self._current = None
        if self._begun:
            self._current = self._queue.claim_looked_at(host, self._token, now, now + self._lease)
        if self._current is None and self._waiting:
            self._current = self._waiting.pop(0)
        self._begun = True
        return self._current

    def renew(self) -> None:
        """Prolong the leases once a third of them has passed; raises ``LeaseLost`` if the current is lost."""
        now = self._clock()
        if self._renewed is not None and now - self._renewed < self._lease / 3:
            return
        until = now + self._lease
        if self._current and not self._queue.renew([self._current], self._token, until):
            raise LeaseLost
        if self._waiting:
            self._queue.renew(self._waiting, self._token, until)
        self._renewed = now

    def done(self) -> None:
        """The current image's lease has ended with the write."""
        self._current = None

    def put_last(self, wait_s: float) -> None:
        """End the lease of the current image, for which its registry asked to be left alone for ``wait_s``:
        it goes behind all others that are due.
        """
        if self._current:
            now = self._clock()
            self._queue.put_last(self._current, self._token, now, now + timedelta(seconds=wait_s))
            self._current = None

    def give_back_current(self) -> None:
        """End the lease of the current image, which is due as it was."""
        if self._current:
            self._queue.give_back([self._current], self._token)
            self._current = None

    def give_back(self) -> None:
        """End every lease."""
        keys = ([self._current] if self._current else []) + self._waiting
        if keys:
            self._queue.give_back(keys, self._token)
