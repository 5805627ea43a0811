"""The tasks that keep versions fresh, all on the queue ``plugin.versions``.

They may be lost with their worker: what is due is in the store, and the next tick finds it. So nothing of
theirs is tried again, and nothing is parked.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from celery import Celery, Task
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.errors import InvalidParameter, Unavailable
from worker.domain.image import ImageRef
from worker.tasks.envelope import check_envelope
from worker.tasks.ports import Bridge
from worker.versions.compose import Sync

TICK = "plugin.versions.tick"
REFRESH = "plugin.versions.refresh"
FOLLOW = "plugin.versions.follow"

TICK_S = 10.0

TICK_LASTS_S = 600.0
"""A tick may wait that long for a worker: reads that fill all threads must not keep other groups waiting, nor
clocks that differ by some seconds; while those that pile up without any worker end by themselves.
"""

_IMAGES = 1_000

logger = logging.getLogger(__name__)


class _Arguments(BaseModel):
    """Keyword arguments of a task. They go into queries: nothing but text may stand where text belongs."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Tick(_Arguments):
    """None."""


class _Refresh(_Arguments):
    host: str
    images: Annotated[list[str], Field(max_length=_IMAGES)]
    lease: Annotated[str, Field(min_length=1)]


class _Image(_Arguments):
    registry_type: str
    registry_url: str
    image: str
    credential: str | None = None


class _Follow(_Arguments):
    images: Annotated[list[_Image], Field(max_length=_IMAGES)]


def tick(sync: Sync) -> None:
    """Send what is due to be refreshed, and take up images that nobody told about."""
    sync.dispatch.tick()
    sync.adopt.step()


def refresh(sync: Sync, host: str, images: list[str], lease: str) -> None:
    """Refresh claimed images of one group of hosts, then send what is due of it by now."""
    reasons = sync.refresh.run(host, images, lease)
    if not {"throttled", "stopping"} & reasons.keys():
        sync.dispatch.host(host)


def follow(sync: Sync, images: list[dict[str, Any]]) -> None:
    """Have the images of new plugins read at once; what no plugin names is left out."""
    refs = [ref for ref in (ImageRef(**image) for image in images) if sync.images.is_named(ref)]
    for ref in refs:
        sync.images.ensure(ref, datetime.now(UTC))
    for host in sorted({ref.group for ref in refs}):
        sync.dispatch.host(host)


def follow_arguments(plugins: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The keyword arguments of ``plugin.versions.follow`` for new plugins (``PluginInfo`` as JSON)."""
    return {"images": [asdict(ref) for ref in dict.fromkeys(ImageRef.of(plugin) for plugin in plugins)]}


class VersionsTask(Task):  # type: ignore[misc]
    """What these tasks have in common: one that meets an outage ends, and the next tick does what it left."""

    abstract = True
    ignore_result = True
    acks_late = False
    typing = False
    work: Callable[..., None]
    arguments: type[_Arguments]
    sync: Callable[[], Sync]
    bridge: Bridge

    def run(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.bridge.check(self.request)
            check_envelope(self.request, args)
            arguments = self.arguments.model_validate(kwargs).model_dump()
            expires = self.bridge.attempt(self.request).expires
        except (InvalidParameter, ValidationError) as refusal:
            # Nobody waits for an answer; and what a stranger wrote does not belong into the log.
            logger.warning("a message for %s was refused: %s", self.name, type(refusal).__name__)
            return
        if expires and datetime.now(UTC) >= expires:
            # A tick that waited for a worker to come back: newer ones have been sent.
            return
        try:
            self.work(self.sync(), **arguments)
        except Unavailable as outage:
            logger.warning("%s ends early: %s", self.name, outage)


def register_refresh(app: Celery, sync: Callable[[], Sync], bridge: Bridge) -> None:
    """Give ``app`` the tasks of the schedule; ``sync`` gives the services of the process that calls."""
    tasks = ((TICK, tick, _Tick), (REFRESH, refresh, _Refresh), (FOLLOW, follow, _Follow))
    for name, work, arguments in tasks:
        attributes = {
            "name": name,
            "work": staticmethod(work),
            "arguments": arguments,
            "sync": staticmethod(sync),
            "bridge": bridge,
            "Request": app.Task.Request,
            "__doc__": work.__doc__,
            "__module__": __name__,
        }
        app.register_task(type(f"{work.__name__.title()}Task", (VersionsTask,), attributes)())
