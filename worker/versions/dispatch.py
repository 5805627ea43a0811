"""Dispatch: claim the images that are due, as many as the budgets allow, and send them to be refreshed.

The queue is in the store and the budgets are in Redis, so any number of dispatchers may run, at any time or
never: each image is claimed once, and no group gets more slots than it has. What a slot's holder leaves
undone is dispatched as it ends.
"""

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from worker.registries.budget.budget import Admission, Budget
from worker.store.image_queue import ImageQueue

TASK_IMAGES = 20
"""How many images one refresh task holds at most."""

LEASE_S = 120.0


class Send(Protocol):
    """Sends a refresh task: the group of hosts, the keys of its images, the token of slot and leases."""

    def __call__(self, *, host: str, images: list[str], lease: str) -> None: ...


class Sent(NamedTuple):
    """How many ``images`` of a group were sent, and why its budget let no more go; None: no more are due."""

    images: int
    refusal: Admission | None = None

    @property
    def left_alone(self) -> bool:
        """Whether the registry is not to be asked for some time."""
        return self.refusal in ("cooldown", "circuit_open")


class Dispatch:
    """Claims and sends. ``clock`` gives the time in UTC; a claim lasts ``lease_s`` unless it is renewed."""

    def __init__(
        self,
        queue: ImageQueue,
        budget: Budget,
        send: Send,
        clock: Callable[[], datetime],
        *,
        lease_s: float = LEASE_S,
    ) -> None:
        self._queue = queue
        self._budget = budget
        self._send = send
        self._clock = clock
        self._lease_s = lease_s

    def tick(self) -> dict[str, int]:
        """Dispatch every group; how many images of each were sent, groups with none left out.

        Raises ``Unavailable`` when the store or Redis is away; the next tick does what this one left.
        """
        sent = Counter({host: self.host(host).images for host in self._queue.hosts()})
        return dict(+sent)

    def host(self, host: str) -> Sent:
        """Dispatch one group, a task for each slot that is free."""
        sent = 0
        while due := self._queue.due(host, self._clock(), TASK_IMAGES):
            token = uuid.uuid4().hex
            slot = self._budget.slot(host, due[0].registry_type, token)
            admission = slot.reserve()
            if admission not in ("granted", "probe"):
                return Sent(sent, admission)
            if admission == "probe":
                likeliest = self._queue.likeliest(host, self._clock())
                keys = [likeliest] if likeliest else []
            else:
                keys = [image.key for image in due[: self._size(host, due[0].registry_type)]]
            images = self._start(host, keys, token)
            sent += len(images)
            if not images:
                break
        return Sent(sent)

    def _start(self, host: str, keys: list[str], token: str) -> list[str]:
        now = self._clock()
        images: list[str] = []
        started = False
        try:
            images = self._queue.claim(keys, token, now, now + timedelta(seconds=self._lease_s))
            if images:
                self._send(host=host, images=images, lease=token)
                started = True
        finally:
            if not started:
                self._budget.release(host, token)
                self._queue.give_back(images, token)
        return images

    def _size(self, host: str, registry_type: str) -> int:
        """As many images as the group's pace lets one of its slots begin within half a lease."""
        limit = self._budget.limit(host, registry_type)
        return max(1, min(TASK_IMAGES, int(self._lease_s / 2 * limit.rate / limit.at_once)))
