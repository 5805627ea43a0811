"""The tasks that keep versions fresh, all on the queue ``plugin.versions``.

They may be lost with their worker: what is due is in the store, and the next tick finds it. So nothing of
theirs is tried again, and nothing is parked.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task

from contracts.errors import Unavailable
from worker.domain.images import ImageRef
from worker.sync.compose import Sync
from worker.tasks.ports import Bridge

TICK = "plugin.versions.tick"
REFRESH = "plugin.versions.refresh"
FOLLOW = "plugin.versions.follow"

TICK_S = 10.0

log = logging.getLogger(__name__)


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
    """Have the images of new plugins read at once."""
    refs = [ImageRef(**image) for image in images]
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
    work: Callable[..., None]
    sync: Callable[[], Sync]
    bridge: Bridge

    def run(self, **arguments: Any) -> None:
        expires = self.bridge.delivery(self.request).expires
        if expires and datetime.now(UTC) >= expires:
            # A tick that waited for a worker to come back: a newer one has been sent.
            return
        try:
            self.work(self.sync(), **arguments)
        except Unavailable as outage:
            log.warning("%s ends early: %s", self.name, outage)


def register_refresh(app: Celery, sync: Callable[[], Sync], bridge: Bridge) -> None:
    """Give ``app`` the tasks of the schedule; ``sync`` gives the services of the process that calls."""
    for name, work in ((TICK, tick), (REFRESH, refresh), (FOLLOW, follow)):
        attributes = {
            "name": name,
            "work": staticmethod(work),
            "sync": staticmethod(sync),
            "bridge": bridge,
            "Request": app.Task.Request,
            "__doc__": work.__doc__,
            "__module__": __name__,
        }
        app.register_task(type(f"{work.__name__.title()}Task", (VersionsTask,), attributes)())
