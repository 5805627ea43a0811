"""Dispatch: claim the images that are due, as many as the budgets allow, and send them to be refreshed.

The queue is in the store and the budgets are in Redis: any number of dispatchers may run, at any time or
never. Each image is claimed once, and no budget group gets more slots than it has. What a slot's holder
leaves undone is dispatched as it ends.
"""

import uuid
from collections import Counter
from typing import NamedTuple, Protocol

from worker.domain.clock import Clock
from worker.registries.budget.budget import Admission, Budget
from worker.store.image_queue import ImageQueue

TASK_IMAGES = 20
"""How many images one refresh task claims at most."""


class Send(Protocol):
    """Sends a refresh task.

    ``host``: the budget group. ``images``: the keys of its images. ``lease``: the token of slot and claims.
    The names are those of the task's keyword arguments.
    """

    def __call__(self, *, host: str, images: list[str], lease: str) -> None: ...


def send_nothing(*, host: str, images: list[str], lease: str) -> None:
    """For processes that send no tasks: what is due is claimed again when the claim has lapsed."""


class Sent(NamedTuple):
    """How many ``images`` of a group were sent.

    ``refusal``: why its budget let no more go; None: no more are due.
    """

    images: int
    refusal: Admission | None = None

    @property
    def left_alone(self) -> bool:
        """Return whether the registry is not to be asked for some time."""
        return self.refusal in ("cooldown", "circuit_open")


class Dispatch:
    """Claims images that are due, and sends them."""

    def __init__(self, queue: ImageQueue, budget: Budget, send: Send, clock: Clock) -> None:
        self._queue = queue
        self._budget = budget
        self._send = send
        self._clock = clock

    def all_groups(self) -> dict[str, int]:
        """Dispatch every budget group; return how many images of each were sent, if any.

        Raises ``Unavailable`` when the store or Redis is away; the next tick does what this one left.
        """
        sent = Counter({name: self.group(name).images for name in self._queue.budget_groups()})
        return dict(+sent)

    def group(self, budget_group: str) -> Sent:
        """Dispatch one budget group, a task for each slot that is free."""
        sent = 0
        while due := self._queue.due(budget_group, self._clock.now(), TASK_IMAGES):
            registry_type = due[0].registry_type
            token = uuid.uuid4().hex
            admission = self._budget.slot(budget_group, registry_type, token).reserve()
            if admission not in ("granted", "probe"):
                return Sent(sent, admission)
            if admission == "probe":
                likeliest = self._queue.likeliest(budget_group, self._clock.now())
                keys = [likeliest] if likeliest else []
            else:
                keys = [image.key for image in due[: self._size(budget_group, registry_type)]]
            images = self._start(budget_group, keys, token)
            sent += len(images)
            if not images:
                break
        return Sent(sent)

    def left_alone_s(self, budget_group: str, registry_type: str) -> float:
        """Return for how many seconds from now the registries of a group are not asked.

        Raises ``Unavailable`` when the Redis of the budgets is away.
        """
        return self._budget.status(budget_group, registry_type).left_alone_s

    def _start(self, budget_group: str, keys: list[str], token: str) -> list[str]:
        images: list[str] = []
        started = False
        try:
            images = self._queue.claim(keys, token, self._clock.now())
            if images:
                self._send(host=budget_group, images=images, lease=token)
                started = True
        finally:
            if not started:
                self._budget.release(budget_group, token)
                self._queue.give_back(images, token)
        return images

    def _size(self, budget_group: str, registry_type: str) -> int:
        """Return how many images the group's pace lets one of its slots begin within half a claim."""
        limit = self._budget.limit(budget_group, registry_type)
        return max(1, min(TASK_IMAGES, int(self._queue.claim_s / 2 * limit.rate / limit.at_once)))
