"""Subjects of events, in memory and in MongoDB, that a test can change without publishing."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from contracts.commands import DeregisterPlugin, DisablePlugin, EnablePlugin, RegisterPlugin, Write
from contracts.events import PLUGIN_CHANGED
from contracts.plugin import RepositoryInfo
from contracts.values import format_time
from tests.support.clock import START
from worker.domain.events import Pending, Position, Subject
from worker.domain.plugin import Changed, decide
from worker.domain.policy import Policy
from worker.domain.record import key_of
from worker.domain.subjects import History, Subjects
from worker.store.plugins import GuardedWrite, Plugins

POLICY = Policy(
    repository=RepositoryInfo(repository_id="repo-local", name="Local", repository_type="local"),
    registry=lambda kind, url: url or "registry.hub.docker.com",
)


class ChangingSubjects(Subjects, Protocol):
    """Subjects that a test can change. ``loaded``: the names that were loaded, in order."""

    loaded: list[str]

    def change(self, name: str) -> None:
        """Change a subject: its event waits in the outbox, since a minute ago."""


@dataclass(frozen=True)
class Stored:
    """A subject in memory: its ``revision``, and its unpublished events since ``pending_at``."""

    revision: int = 0
    outbox: tuple[Pending, ...] = ()
    pending_at: datetime | None = None


def event(revision: int, change: str, *, gap: bool = False) -> Pending:
    data = json.dumps({"change": change, "revision": revision})
    return Pending(revision=revision, time=format_time(START), data=data, gap=gap)


class MemorySubjects:
    """Subjects in memory."""

    event_type = PLUGIN_CHANGED
    needs_last_event = False

    def __init__(self) -> None:
        self.stored: dict[str, Stored] = {}
        self.loaded: list[str] = []

    def change(self, name: str) -> None:
        before = self.stored.get(name, Stored())
        after = event(before.revision + 1, "updated" if before.revision else "registered")
        self.stored[name] = Stored(after.revision, (*before.outbox, after), START)

    def pending(self, before: datetime) -> Iterator[Position]:
        for name, subject in list(self.stored.items()):
            if subject.pending_at and subject.pending_at < before:
                yield Position(name, subject.revision, subject.outbox[-1].digest)

    def revisions(self) -> Iterator[Position]:
        for name in sorted(self.stored):
            yield Position(name, self.stored[name].revision)

    def histories(self, names: Iterable[str]) -> dict[str, History]:
        return {
            name: History(
                self.stored[name].revision,
                {event.revision: event.digest for event in self.stored[name].outbox if not event.gap},
            )
            for name in names
            if name in self.stored
        }

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        wanted = [name for name in names if name in self.stored]
        self.loaded += wanted
        return [self._subject(name, self.stored[name]) for name in wanted]

    def clear(self, published: dict[str, int]) -> None:
        for name, revision in published.items():
            if self.stored[name].revision == revision:
                self.stored[name] = Stored(revision)

    def raise_revision(self, name: str, above: int, now: datetime) -> int | None:
        revision = max(above, self.stored[name].revision) + 1
        self.stored[name] = Stored(revision, (event(revision, "resynced", gap=True),), now)
        return revision

    def reserve_revision(
        self, name: str, revision: int, last_event: Mapping[str, Any] | None, now: datetime
    ) -> bool:
        self.stored[name] = replace(self.stored.get(name, Stored()), revision=revision)
        return True

    def _subject(self, name: str, stored: Stored) -> Subject:
        present = event(stored.revision, "resynced", gap=True)
        return Subject(self.event_type, name, stored.revision, stored.outbox, lambda: present)


class StoredSubjects(Plugins):
    """Plugins in MongoDB; a name is ``{domain_id}/{plugin_id}``."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self.loaded: list[str] = []

    def change(self, name: str) -> None:
        domain_id, _, plugin_id = name.partition("/")
        plugin = self.read(name).plugin
        if plugin is None:
            image = f"a/{plugin_id}"
            self._apply(RegisterPlugin(domain_id=domain_id, name="n", service_type="s", image=image))
        else:
            kind = DisablePlugin if plugin.state == "ENABLED" else EnablePlugin
            self._apply(kind(domain_id=domain_id, plugin_id=plugin_id))

    def remove(self, name: str) -> None:
        domain_id, _, plugin_id = name.partition("/")
        self._apply(DeregisterPlugin(domain_id=domain_id, plugin_id=plugin_id))

    def _apply(self, command: Write) -> None:
        before = self.read(key_of(command.domain_id, command.plugin_id))
        decision = decide(before.plugin, before.revision, command, START, POLICY)
        assert isinstance(decision, Changed)
        after = before.apply(decision, f"c-{before.revision + 1}", START, None)
        assert self.write(GuardedWrite(before, after, 0), START)

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        wanted = list(names)
        self.loaded += wanted
        return super().load(wanted, now)
