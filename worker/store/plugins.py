"""The plugins: one document each, changed by guarded writes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import decode_all
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from contracts.events import PLUGIN_CHANGED
from contracts.plugin import RepositoryInfo
from worker.domain.events import Subject
from worker.domain.record import Record
from worker.domain.scope import MANAGED
from worker.store.client import Document
from worker.store.documents import fence_guard, guarded_update, record_of
from worker.store.errors import outage
from worker.store.outboxes import Outboxes
from worker.store.query import compile_projection
from worker.store.render import render_plugin
from worker.store.updates import update_each

_MAX_EVENTS_SIZE = 2 * 1024 * 1024
"""How large the events of the writes of one command are at most, in bytes, but for one write. The last event
has the plugin as JSON, which takes up to six times as much in BSON, and a command may have 16 MiB.
"""


@dataclass(frozen=True, slots=True)
class GuardedWrite:
    """One guarded write, from the record that was read to the record that was decided, under an epoch."""

    before: Record
    after: Record
    epoch: int


class Plugins(Outboxes):
    """The ``plugins`` collection as records.

    ``repository``: the local repository as it is configured now; every record has it, whatever was stored.

    Raises: ``StoreUnavailable`` when the store is away.
    """

    event_type = PLUGIN_CHANGED
    needs_last_event = False

    def __init__(self, database: Database[Document], repository: RepositoryInfo | None = None) -> None:
        super().__init__(database["plugins"])
        self._plugins = database["plugins"]
        self._repository = repository

    def read(self, key: str) -> Record:
        """Return the record of ``key``; an empty one if there is none."""
        with outage():
            document = self._plugins.find_one({"_id": key})
        return record_of(document, self._repository) if document else Record(key)

    def read_many(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return the records of ``keys``, by key; of some of them, if they are more than the 16 MiB that
        MongoDB sends at once.
        """
        wanted = list(keys)
        query = {"_id": {"$in": wanted}}
        # By default 101 documents come in the first reply, and the others cost one more round trip.
        with outage(), self._plugins.find_raw_batches(query, batch_size=len(wanted) + 1) as replies:
            reply: Any = next(replies, b"")
            documents = decode_all(reply, self._plugins.codec_options)
            is_all = not replies.alive
        found = {d["_id"]: record_of(d, self._repository) for d in documents}
        return {key: found.get(key) or Record(key) for key in wanted} if is_all else found

    def read_all(self, keys: Collection[str]) -> dict[str, Record]:
        """Return the records of ``keys``, by key, however large they are."""
        found: dict[str, Record] = {}
        while left := [key for key in keys if key not in found]:
            found |= self.read_many(left)
        return found

    def revisions_of(self, keys: Sequence[str]) -> dict[str, int]:
        """Return the present revision of each key; 0 if there is no record."""
        with outage():
            found = {d["_id"]: d for d in self._plugins.find({"_id": {"$in": list(keys)}}, {"revision": 1})}
        return {key: found[key].get("revision", 0) if key in found else 0 for key in keys}

    def write(self, write: GuardedWrite, now: datetime) -> bool:
        """Make one guarded write; return False if it missed: the revision has changed, or a higher epoch has
        written.
        """
        query, update = guarded_update(write.before, write.after, write.epoch, now)
        with outage():
            try:
                # Upserting makes the first registration the same write as any other: where the guard
                # misses an existing document, the insertion collides with it.
                result = self._plugins.update_one(query, update, upsert=write.before.revision == 0)
            except DuplicateKeyError:
                return False
        return result.matched_count == 1 or result.upserted_id is not None

    def write_many(self, writes: Sequence[GuardedWrite], now: datetime) -> bool:
        """Make guarded writes of different records, in one command; in several if they are large.

        Returns False if any of them missed: read again to find out which of them took effect.
        """
        took_effect = 0
        for part in _parts(writes):
            updates = []
            for write in part:
                query, update = guarded_update(write.before, write.after, write.epoch, now)
                updates.append({"q": query, "u": update, "upsert": write.before.revision == 0})
            with outage():
                took_effect += update_each(self._plugins, updates)[0]
        return took_effect == len(writes)

    def raise_fences(self, fences: Mapping[str, int], epoch: int) -> list[str]:
        """Prevent every lower epoch from writing any of these keys, in one command, with a placeholder where
        there is no document.

        ``fences``: the fence of each key, as it was read.

        Returns the keys that a higher epoch has written since.
        """
        update = {"$set": {"fence": epoch}, "$setOnInsert": {"revision": 0}}
        updates: list[Document] = [
            {"q": {"_id": key, "fence": fence_guard(fence, epoch)}, "u": update, "upsert": True}
            for key, fence in fences.items()
        ]
        if not updates:
            return []
        with outage():
            return [list(fences)[index] for index in update_each(self._plugins, updates)[1]]

    def find(self, keys: Sequence[str], domain_id: str, only: Sequence[str] = ()) -> dict[str, Any] | None:
        """Return the ``PluginInfo``, as JSON, of the first of ``keys`` that has a plugin, or None.

        ``only``: answer these fields only.
        """
        query = {"_id": {"$in": list(keys)}, "scope": {"$in": [domain_id, MANAGED]}}
        with outage():
            found = {
                d["_id"]: d
                for d in self._plugins.find(query, compile_projection(only), batch_size=len(keys) + 1)
            }
        first = next((found[key] for key in keys if key in found), None)
        return render_plugin(first, domain_id, only) if first else None

    def managed_among(self, plugin_ids: Collection[str]) -> set[str]:
        """Return those of ``plugin_ids`` that a managed repository has, with one command."""
        query = {"scope": MANAGED, "plugin.plugin_id": {"$in": list(plugin_ids)}}
        with outage():
            return {d["plugin"]["plugin_id"] for d in self._plugins.find(query, {"plugin.plugin_id": 1})}

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        """Return the subjects of ``names`` as they are now."""
        return [r.subject(now) for r in self.read_all(list(names)).values() if r.shown]

    def raise_revision(self, name: str, above: int, now: datetime) -> int | None:
        """Give a plugin a revision higher than ``above``; see ``Subjects``."""
        record = self.read(name)
        if record.shown is None:
            return above if self.reserve_revision(name, above, None, now) else None
        after = record.raised(max(above, record.revision) + 1, now)
        # The fence stays: the owner of the partition goes on with the raised record.
        return after.revision if self.write(GuardedWrite(record, after, record.fence), now) else None

    def reserve_revision(
        self, name: str, revision: int, last_event: Mapping[str, Any] | None, now: datetime
    ) -> bool:
        """Store a placeholder: registering the plugin continues above its ``revision``. See ``Subjects``."""
        unused = {
            "plugin": {"$exists": False},
            "last": {"$exists": False},
            "revision": {"$not": {"$gte": revision}},
        }
        return self._reserve({"_id": name, **unused}, revision, {"fence": 0})


def _parts(writes: Sequence[GuardedWrite]) -> Iterator[list[GuardedWrite]]:
    """Yield the writes of each command."""
    part: list[GuardedWrite] = []
    size = 0
    for write in writes:
        more = sum([event.size for event in write.after.outbox])
        if part and size + more > _MAX_EVENTS_SIZE:
            yield part
            part, size = [], 0
        part.append(write)
        size += more
    if part:
        yield part
