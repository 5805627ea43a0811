"""The images that a refresh task has claimed and still has to read."""

from datetime import datetime, timedelta

from worker.domain.clock import Clock
from worker.store.image_queue import ImageQueue


class ClaimLost(Exception):
    """Raised when another task has claimed the image meanwhile: what was read of it is not written."""


class ClaimedImages:
    """The images of one task, claimed under one token.

    ``keys``: in the order in which they are read.
    """

    def __init__(self, queue: ImageQueue, keys: list[str], token: str, clock: Clock) -> None:
        self._queue = queue
        self._waiting = keys
        self._current: str | None = None
        self._confirmed = False
        self._token = token
        self._clock = clock
        self._renewed: datetime | None = None

    def next(self, budget_group: str) -> str | None:
        """Return the image to read now, None at the end.

        The first of the task comes first: its group may be probed with it. Then an image that was requested
        meanwhile goes before the next of the task; but none is claimed under a token that has no claim.
        """
        self._current = None
        if self._confirmed:
            self._current = self._queue.claim_requested(budget_group, self._token, self._clock.now())
        if self._current is None and self._waiting:
            self._current = self._waiting.pop(0)
        return self._current

    def confirm(self) -> None:
        """Note that an image of the task is claimed under its token: a dispatch has made it."""
        self._confirmed = True

    def renew(self) -> None:
        """Prolong the claims once a third of their time has passed. Raises ``ClaimLost``."""
        now = self._clock.now()
        if self._renewed is not None and now - self._renewed < timedelta(seconds=self._queue.claim_s / 3):
            return
        if self._current and not self._queue.renew_claim([self._current], self._token, now):
            raise ClaimLost
        if self._waiting:
            self._queue.renew_claim(self._waiting, self._token, now)
        self._renewed = now

    def done(self) -> None:
        """Forget the current image: the write has ended its claim."""
        self._current = None

    def put_last(self, wait_s: float) -> None:
        """End the claim of the current image, and put it behind all others that are due.

        ``wait_s``: for how long its registry asked to be left alone, in seconds.
        """
        if self._current:
            self._queue.put_last(self._current, self._token, self._clock.now(), wait_s)
            self._current = None

    def give_back_current(self) -> None:
        """End the claim of the current image, which is due as it was."""
        if self._current:
            self._queue.give_back([self._current], self._token)
            self._current = None

    def give_back(self) -> None:
        """End every claim that is left."""
        keys = ([self._current] if self._current else []) + self._waiting
        if keys:
            self._queue.give_back(keys, self._token)
