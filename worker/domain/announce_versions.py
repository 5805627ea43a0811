"""The events of an image's version list."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contracts.events import IMAGE_VERSIONS_CHANGED, ImageVersionsChanged, PluginReference
from contracts.values import format_time
from worker.domain.event import Pending, Subject
from worker.domain.image import Image
from worker.domain.refresh import Change
from worker.domain.versions import without_attachments

NAMES_TOLD = 100
"""How many names each list of an event holds at most."""


@dataclass(frozen=True, slots=True)
class Users:
    """Who uses an image: some ``(domain_id, plugin_id)``, and how many there are."""

    plugins: tuple[tuple[str, str], ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """What an event tells of the whole list: how many versions, and the newest."""

    count: int = 0
    latest: str | None = None


def shown_of(image: Image) -> Shown:
    """What an event tells of the image's list."""
    shown = without_attachments(image.versions)
    return Shown(len(shown), shown[0] if shown else None)


def versions_changed(
    image: Image, change: Change, shown: Shown, users: Users, now: datetime, *, gap: bool = False
) -> Pending:
    """The event of the image's present revision; ``gap``: it stands in for events that were lost."""
    data = ImageVersionsChanged(
        image=image.ref.image,
        registry_type=image.ref.registry_type,
        registry_url=image.ref.registry_url,
        revision=image.revision,
        digest=image.digest,
        added=list(change.added[:NAMES_TOLD]),
        removed=list(change.removed[:NAMES_TOLD]),
        total_count=shown.count,
        latest=shown.latest,
        plugins=[PluginReference(domain_id=d, plugin_id=p) for d, p in users.plugins[:NAMES_TOLD]],
        plugin_count=users.count,
        initial=change.initial,
    )
    text = json.dumps(data.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False)
    return Pending(revision=image.revision, time=format_time(now), data=text, gap=gap)


def image_subject(
    image: Image, shown: Callable[[], Shown], users: Callable[[], Users], now: datetime
) -> Subject:
    """The image as a subject of events; ``shown`` and ``users`` are asked only when its lost events must be
    repaired.
    """

    def present() -> Pending:
        return versions_changed(image, Change(), shown(), users(), now, gap=True)

    return Subject(IMAGE_VERSIONS_CHANGED, image.ref.subject, image.revision, image.outbox, present)
