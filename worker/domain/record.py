"""A plugin's record: the plugin, and the data that keep its changes single, ordered and published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Self
from zlib import crc32

from contracts.errors import InvalidParameter
from contracts.events import PLUGIN_CHANGED
from contracts.plugin import PluginInfo
from contracts.values import format_time
from worker.domain.events import Pending, Subject, plugin_changed, plugin_resynced
from worker.domain.plugin import Changed, not_found
from worker.domain.scope import MANAGED_PREFIX

MAX_APPLIED = 64
"""How many command ids a record remembers: a command has at most one effect within so many changes."""

ID_SIZE = 4
DIGEST_SIZE = ID_SIZE + 8
"""How many bytes ``Record.digests`` has for a command: those that tell its id, and its digest."""

MAX_PENDING = 64
"""How many events an outbox may hold. If it is full, the next command waits."""

MAX_PENDING_SIZE = 4 * 1024 * 1024
"""How large an outbox may be, in bytes; one event always fits."""


def key_of(domain_id: str, plugin_id: str) -> str:
    """Return the key of a plugin's record, which is also the subject of its events."""
    return f"{domain_id}/{plugin_id}"


def own_key(domain_id: str, plugin_id: str) -> str:
    """Return the key of a plugin for a caller of ``domain_id``. It can never be the key of another domain's
    plugin.

    Raises: ``PluginNotFound`` for a ``plugin_id`` with a slash, which no plugin has; ``InvalidParameter`` for
    a ``domain_id`` that starts like the key of a managed plugin.
    """
    if "/" in plugin_id:
        raise not_found(domain_id, plugin_id)
    if domain_id.startswith(MANAGED_PREFIX):
        raise InvalidParameter(
            f"domain_id must not start with {MANAGED_PREFIX}", details={"path": "domain_id"}
        )
    return key_of(domain_id, plugin_id)


class NoEffect(NamedTuple):
    """A command without effect: its id, its digest (empty: not known), and the code of its refusal, which is
    empty if there was nothing to change.
    """

    id: str
    digest: str
    code: str


@dataclass(frozen=True, slots=True)
class Record:
    """The store's data of one plugin of a domain.

    ``plugin``: None before the first registration and for a tombstone.
    ``last``: the last state of a tombstone.
    ``fence``: the highest epoch that has written.
    ``applied``: the command ids of the last 64 effects.
    ``digests``: those of their commands, where they are known, oldest first: see ``entry_of``.
    ``outbox``: the events that may not be on the stream yet.
    ``no_effect``: the commands that the last write passed over.
    """

    key: str
    plugin: PluginInfo | None = None
    last: PluginInfo | None = None
    revision: int = 0
    fence: int = 0
    applied: tuple[str, ...] = ()
    outbox: tuple[Pending, ...] = ()
    no_effect: tuple[NoEffect, ...] = ()
    digests: bytes = b""

    @property
    def shown(self) -> PluginInfo | None:
        """The plugin as it is, or as it last was."""
        return self.plugin or self.last

    def applied_other(self, command_id: str, digest: str) -> bool:
        """Return whether an applied command of this id is known to be another one than that of ``digest``."""
        own = entry_of(command_id, digest)
        places = range(0, len(self.digests), DIGEST_SIZE)
        # Ids of one CRC-32 have an entry each: one of them is enough.
        entries = [self.digests[at : at + DIGEST_SIZE] for at in places]
        known = [entry for entry in entries if entry.startswith(own[:ID_SIZE])]
        return bool(known) and own not in known

    def has_room(self, count: int, size: int = 0) -> bool:
        """Return whether the outbox has room for ``count`` more events of ``size`` bytes together."""
        if not self.outbox:
            return count <= MAX_PENDING
        total = sum([entry.size for entry in self.outbox]) + size
        return len(self.outbox) + count <= MAX_PENDING and total <= MAX_PENDING_SIZE

    def published(self, revision: int) -> Self:
        """Return the record without the events up to ``revision``."""
        waiting = tuple(entry for entry in self.outbox if entry.revision > revision)
        if len(waiting) == len(self.outbox):
            return self
        known = (self.key, self.plugin, self.last, self.revision, self.fence, self.applied)
        # Half the cost of replace(), and made for each command.
        return type(self)(*known, waiting, self.no_effect, self.digests)

    def apply(
        self,
        changed: Changed,
        command_id: str,
        now: datetime,
        traceparent: str | None,
        digest: str = "",
    ) -> Self:
        """Return the record after a change. ``digest``: that of the command; empty: it is not known."""
        digests = self.digests + entry_of(command_id, digest) if digest else self.digests
        event = Pending(
            revision=changed.revision,
            time=format_time(now),
            data=plugin_changed(changed, command_id),
            traceparent=traceparent,
        )
        gone = changed.change == "deregistered"
        return type(self)(
            key=self.key,
            plugin=None if gone else changed.plugin,
            last=changed.plugin if gone else None,
            revision=changed.revision,
            fence=self.fence,
            applied=(*self.applied, command_id)[-MAX_APPLIED:],
            outbox=(*self.outbox, event),
            no_effect=self.no_effect,
            digests=digests[-MAX_APPLIED * DIGEST_SIZE :],
        )

    def raised(self, revision: int, now: datetime) -> Self:
        """Return the record at ``revision``, with one event of its present state in place of its outbox."""
        plugin = self.plugin.model_copy(update={"revision": revision}) if self.plugin else None
        last = self.last.model_copy(update={"revision": revision - 1}) if self.last else None
        raised = replace(self, plugin=plugin, last=last, revision=revision)
        return replace(raised, outbox=(raised.subject(now).present(),))

    def subject(self, now: datetime) -> Subject:
        """Return the record as a subject of events."""

        def present() -> Pending:
            data = plugin_resynced(self.plugin, self.last, self.revision)
            return Pending(revision=self.revision, time=format_time(now), data=data, gap=True)

        return Subject(PLUGIN_CHANGED, self.key, self.revision, self.outbox, present)


def entry_of(command_id: str, digest: str) -> bytes:
    """Return an entry of ``Record.digests``: the CRC-32 of the id, and the digest, which is of the id too."""
    return crc32(command_id.encode()).to_bytes(ID_SIZE, "big") + bytes.fromhex(digest)


def ids_added(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """Return the command ids at the end of ``after``, behind the last one of ``before``."""
    if not before:
        return list(after)
    added: list[str] = []
    for command_id in reversed(after):
        if command_id == before[-1]:
            break
        added.append(command_id)
    return added[::-1]
