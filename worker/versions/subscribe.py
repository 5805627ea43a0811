"""The subscription: the service follows the image of each new plugin by its own event.

It reads ``plugin.events`` with the consumer group ``versions``. The last revisions of the subjects that the
group has seen are in the hash ``plugin.events:seen:versions``.

Every worker of ``plugin.versions`` reads as the same consumer of the group. So any of them reads at once, and
in order, what another has not acknowledged; and an event may reach several: all that is done here may be done
twice.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from contracts.events import PLUGIN_CHANGED
from contracts.subscriber import Event, Subscriber
from worker.domain.clock import Clock
from worker.domain.image import ImageRef
from worker.events.unavailable import EVENTS_AWAY, EventsUnavailable
from worker.store.image_store import ImageStore
from worker.versions.dispatch import Dispatch

logger = logging.getLogger(__name__)

GROUP = "versions"
"""The consumer group on ``plugin.events``: a public name, as the keys of Redis are."""

CONSUMER = "worker"
"""The one consumer of the group, as which every worker reads."""

START_S = 3_600.0
"""How far back, in seconds, a new group starts. Discovery has followed older plugins, or will."""

_BLOCK_S = 1.0
_AFTER_FAILURE_S = 1.0


class Subscription:
    """Has the versions of newly registered plugins fetched at once: a chore of the versions workers.

    ``client``: a redis-py client of the Redis of the events.
    """

    name = "the subscription to new plugins"

    def __init__(self, client: Any, store: ImageStore, dispatch: Dispatch, clock: Clock) -> None:
        self._store = store
        self._dispatch = dispatch
        self._clock = clock
        self.interval_s = 0.0
        since = clock.now() - timedelta(seconds=START_S)
        self._subscriber = Subscriber(
            client,
            GROUP,
            CONSUMER,
            self._handle,
            start=f"{int(since.timestamp() * 1_000)}-0",
            forget_s=None,
            on_unreadable=_skip,
        )

    def run(self) -> None:
        """Handle the events that there are; wait up to a second for a first one.

        Raises ``Unavailable`` when a server is away: the event comes again.
        """
        self.interval_s = _AFTER_FAILURE_S
        with translate_outage(EventsUnavailable, EVENTS_AWAY):
            self._subscriber.poll(_BLOCK_S)
        self.interval_s = 0.0

    def _handle(self, event: Event) -> None:
        if event.type != PLUGIN_CHANGED or event.data.get("change") != "registered":
            return
        try:
            self._follow(ImageRef.of(event.data["plugin"]), datetime.fromisoformat(event.attributes["time"]))
        except Unavailable:
            raise
        except Exception:
            # It must not keep those behind it from being read; discovery finds the plugin.
            logger.exception("the versions of %s are fetched later", event.subject)

    def _follow(self, ref: ImageRef, registered_at: datetime) -> None:
        image = self._store.images.read(ref)
        if image is not None and image.synced_at is not None and image.synced_at >= registered_at:
            # The list is newer than the registration. So it is for most events that are read again after
            # Redis has lost the group, and their images must not all become due.
            return
        if not self._store.users.named(ref):
            return
        self._store.images.ensure(ref, self._clock.now())
        self._dispatch.group(ref.budget_group)


def _skip(entry: str, _fields: dict[bytes, bytes]) -> None:
    logger.warning("entry %s of the stream is not an event", entry)
