"""The tasks that keep versions fresh, all on the queue ``plugin.versions``.

They may be lost with their worker: what is due is in the store, and the next tick finds it. So none of them
is tried again, and none becomes a dead letter.
"""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from celery import Celery, Task
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import InvalidParameter, Unavailable
from worker.tasks.envelope import check_message, deadline
from worker.transport import Delivery
from worker.versions.cycle import Cycle

TICK = "plugin.versions.tick"
REFRESH = "plugin.versions.refresh"
FOLLOW = "plugin.versions.follow"

TICK_S = 10.0
"""The time between two ticks, in seconds."""

TICK_LASTS_S = 600.0
"""How long a tick may wait for a worker, in seconds.

Long enough for reads that fill all threads, and for clocks that differ by some seconds; short enough for the
ticks that pile up without any worker.
"""

MAX_IMAGES = 1_000
"""How many images a message may name. The service itself sends far fewer."""

logger = logging.getLogger(__name__)


class _Arguments(BaseModel):
    """The keyword arguments of a task. They go into queries: only text may stand where text belongs."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Tick(_Arguments):
    """A tick has none."""


class _Refresh(_Arguments):
    host: str
    images: Annotated[list[str], Field(max_length=MAX_IMAGES)]
    lease: Annotated[str, Field(min_length=1)]


class VersionsTask(Task):  # type: ignore[misc]
    """What the tasks have in common: in an outage they end, and the next tick does what they left."""

    abstract = True
    ignore_result = True
    acks_late = False
    typing = False
    arguments: type[_Arguments]

    def run(self, *_: Any, **kwargs: Any) -> None:
        """Check the message, and do its work unless it has expired."""
        delivery: Delivery = self.request.delivery
        try:
            check_message(delivery.envelope)
            arguments = self.arguments.model_validate(kwargs).model_dump()
            expires = deadline(delivery.headers.get("expires"))
        except (InvalidParameter, ValidationError) as refusal:
            # No caller waits for an answer. The log must not hold what an unknown sender wrote.
            logger.warning("a message for %s was refused: %s", self.name, type(refusal).__name__)
            return
        if expires and datetime.now(UTC) >= expires:
            # A tick that waited for a worker to come back: newer ones have been sent.
            return
        try:
            self.work(self.app.services.cycle, **arguments)
        except Unavailable as outage:
            logger.warning("%s ends early: %s", self.name, outage)

    def work(self, cycle: Cycle, **arguments: Any) -> None:
        """Do the task's work. Raises ``Unavailable``."""
        raise NotImplementedError


class TickTask(VersionsTask):
    """Send what is due to be refreshed."""

    name = TICK
    arguments = _Tick

    def work(self, cycle: Cycle, **_: Any) -> None:
        cycle.tick()


class RefreshTask(VersionsTask):
    """Refresh claimed images of one budget group."""

    name = REFRESH
    arguments = _Refresh

    def work(self, cycle: Cycle, **arguments: Any) -> None:
        cycle.refresh_group(**arguments)


class FollowTask(Task):  # type: ignore[misc]
    """Accept the messages that commands workers of version 0.1.0 send for new plugins, and do nothing.

    Those workers publish the event of the registration too, which the subscription reads. Without this task,
    their messages would become dead letters during an upgrade. Remove it when no commands worker of 0.1.0
    runs any more.
    """

    name = FOLLOW
    ignore_result = True
    typing = False

    def run(self, *_: Any, **__: Any) -> None:
        """Do nothing."""


def register_versions(app: Celery) -> None:
    """Give ``app`` the tasks of the schedule."""
    for task in (TickTask, RefreshTask, FollowTask):
        app.register_task(task())
