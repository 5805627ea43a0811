"""The tasks that keep versions fresh, all on the queue ``plugin.versions``.

They may be lost with their worker: what is due is in the store, and the next tick finds it. So none of them
is tried again, and none becomes a dead letter.
"""

import logging
from datetime import UTC, datetime
from typing import Annotated, Any

from celery import Celery
from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import InternalFault, Unavailable
from contracts.parse import parse
from worker.tasks.base import ServiceTask
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

MAX_NAME = 4_096
"""The longest key of an image, or name of a budget group, in characters."""

MAX_IMAGES = 100
"""How many images a message may name. The service itself sends far fewer."""

_DONE = "null"

logger = logging.getLogger(__name__)


_Name = Annotated[str, Field(max_length=MAX_NAME)]


class _Arguments(BaseModel):
    """The keyword arguments of a task. They go into queries: only text may stand where text belongs."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Tick(_Arguments):
    """A tick has none."""


class _Refresh(_Arguments):
    """Nobody but a dispatch of this service makes a lease; one that no image has refreshes nothing."""

    host: _Name
    images: Annotated[list[_Name], Field(max_length=MAX_IMAGES)]
    lease: Annotated[str, Field(pattern=r"\A[0-9a-f]{32}\z")]


class VersionsTask(ServiceTask):
    """What the tasks have in common: in an outage they end, and the next tick does what they left."""

    abstract = True
    arguments: type[_Arguments]

    def result(self, delivery: Delivery) -> str:
        """Check the message, and do its work unless it has expired.

        Raises: ``ContractError``.
        """
        check_message(delivery.envelope)
        arguments = parse(self.arguments, delivery.envelope.kwargs).model_dump()
        expires = deadline(delivery.headers)
        # It may be lost with its worker, and must not come again with every one that ends.
        delivery.ack()
        if expires and datetime.now(UTC) >= expires:
            # A tick that waited for a worker to come back: newer ones have been sent.
            return _DONE
        try:
            self.work(self.services.cycle, **arguments)
        except Unavailable as outage:
            logger.warning("%s ends early: %s", self.name, outage)
        except Exception as bug:
            logger.exception("%s failed", self.name)
            raise InternalFault("a fault of ours; the next tick does what was left") from bug
        return _DONE

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


class FollowTask(ServiceTask):
    """Accept the messages that commands workers of version 0.1.0 send for new plugins, and do nothing.

    Those workers publish the event of the registration too, which the subscription reads. Without this task,
    their messages would become dead letters during an upgrade. Remove it when no commands worker of 0.1.0
    runs any more.
    """

    name = FOLLOW

    def result(self, *_: Any) -> str:
        """Do nothing."""
        return _DONE


def register_versions(app: Celery) -> None:
    """Give ``app`` the tasks of the schedule."""
    for task in (TickTask, RefreshTask, FollowTask):
        app.register_task(task())
