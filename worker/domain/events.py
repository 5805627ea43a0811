"""The events of a subject: what waits in its outbox, and what the events of plugins and images say.

A subject is a thing with a revision of its own that events are about: a plugin, or an image with its
versions.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Self

from contracts.events import ImageVersionsChanged, PluginReference
from contracts.plugin import PluginInfo
from worker.domain.image import ImageRef
from worker.domain.plugin import Changed, plugin_text
from worker.domain.versions import VersionsChange, without_attachments

MAX_NAMES = 100
"""How many names each list of an image's event holds at most."""

ANY = "*"
"""The digest of an event that stands for whatever event of its revision there was."""


_dump = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Pending:
    """One event of an outbox: the subject's ``revision``, RFC 3339 ``time``, and ``data`` as JSON text.

    The text is made once, at the write, so each publish of the event has the same text.

    ``gap``: events before this one are lost. Only an event with ``gap`` may skip revisions.
    ``stands_for``: the digest of the event that this one replaces, which has the same revision. The replaced
    event may still be in the outbox: because of this digest, it counts as published.
    """

    revision: int
    time: str
    data: str
    gap: bool = False
    traceparent: str | None = None
    stands_for: str = ""
    _size: int = field(default=0, init=False, repr=False, compare=False)
    _digest: str = field(default="", init=False, repr=False, compare=False)

    @property
    def size(self) -> int:
        """Return about how many bytes the entry takes in its document."""
        if not self._size:
            object.__setattr__(self, "_size", len(self.data.encode()) + 128)
        return self._size

    @property
    def digest(self) -> str:
        """Return the SHA-1 of ``data``, or ``stands_for``: an identity, not a protection."""
        if not self._digest:
            digest = self.stands_for or sha1(self.data.encode(), usedforsecurity=False).hexdigest()
            # Kept: each of size and digest is asked for several times, and the text never changes.
            object.__setattr__(self, "_digest", digest)
        return self._digest


@dataclass(frozen=True, slots=True)
class Position:
    """How far a subject is in the store.

    ``digest``: of the event of that ``revision``, while the outbox holds it.
    """

    name: str
    revision: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject as the store has it.

    ``type``: the type of its events.
    ``name``: its name on the stream.
    ``revision``: its present one.
    ``pending``: its unpublished events, in order.
    ``present``: makes the event, with ``gap``, that replaces events that Redis has lost.
    """

    type: str
    name: str
    revision: int
    pending: tuple[Pending, ...]
    present: Callable[[], Pending]


def plugin_changed(changed: Changed, command_id: str) -> str:
    """Return the data of the event of a change."""
    return _plugin_data(changed.change, changed.text, changed.revision, changed.changed_fields, command_id)


def plugin_resynced(plugin: PluginInfo | None, last: PluginInfo | None, revision: int) -> str:
    """Return the data of the event in place of lost ones: ``resynced``, or ``deregistered`` for a tombstone.

    Raises ``ValueError`` when there is neither ``plugin`` nor ``last``.
    """
    visible = plugin or last
    if visible is None:
        raise ValueError("a record without a plugin has nothing to announce")
    change = "resynced" if plugin else "deregistered"
    return _plugin_data(change, plugin_text(visible), revision, (), None)


def _plugin_data(
    change: str, plugin: str, revision: int, changed_fields: tuple[str, ...], command_id: str | None
) -> str:
    names = ",".join(map(_dump, changed_fields))
    return (
        f'{{"change":"{change}","plugin":{plugin},"revision":{revision},'
        f'"changed_fields":[{names}],"command_id":{_dump(command_id)}}}'
    )


@dataclass(frozen=True, slots=True)
class Users:
    """The plugins that use an image.

    ``plugins``: some of them, as ``(domain_id, plugin_id)``.
    ``count``: how many there are.
    """

    plugins: tuple[tuple[str, str], ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class ListSummary:
    """What an event says of a whole version list: how many versions, and the newest."""

    count: int = 0
    latest: str | None = None

    @classmethod
    def of(cls, versions: Iterable[str]) -> Self:
        """Return the summary of versions that are sorted newest first."""
        visible = without_attachments(versions)
        return cls(len(visible), visible[0] if visible else None)


def versions_changed(
    ref: ImageRef, revision: int, digest: str, change: VersionsChange, summary: ListSummary, users: Users
) -> str:
    """Return the data of the event of a version list.

    ``revision``, ``digest``, ``summary``: of the list as it is after the change.
    """
    data = ImageVersionsChanged(
        image=ref.image,
        registry_type=ref.registry_type,
        registry_url=ref.registry_url,
        revision=revision,
        digest=digest,
        added=list(change.added[:MAX_NAMES]),
        removed=list(change.removed[:MAX_NAMES]),
        total_count=summary.count,
        latest=summary.latest,
        plugins=[PluginReference(domain_id=d, plugin_id=p) for d, p in users.plugins[:MAX_NAMES]],
        plugin_count=users.count,
        initial=change.initial,
    )
    return json.dumps(data.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False)
