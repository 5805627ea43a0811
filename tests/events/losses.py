"""A Redis that loses the last writes at any command, and weaker marks that do not notice it."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import fakeredis

from contracts.events import PLUGIN_CHANGED
from tests.support.clock import START, FakeClock
from tests.support.marks import MemoryMark
from tests.support.subjects import MemorySubjects
from worker.events.mark import MARK, Mark
from worker.events.positions import LAST_REVISIONS
from worker.events.publish import Publisher
from worker.events.sweep import Sweep

NAMES = ("d/p1", "d/p2", "d/p3")


class Died(Exception):
    """Raised where the sweeping process ends."""


class LossyRedis:
    """A client of a fake Redis. Before a command, Redis may go back to what it was before an earlier one.

    ``before``: called before each command.
    """

    def __init__(self, server: fakeredis.FakeServer) -> None:
        self.plain: Any = fakeredis.FakeRedis(server=server)
        self.before: Callable[[], None] = lambda: None
        self.history: list[tuple[dict[bytes, bytes], bytes | None]] = []

    def remember(self) -> None:
        self.history.append((self.plain.hgetall(LAST_REVISIONS), self.plain.get(MARK)))

    def go_back(self, to: int) -> None:
        """Lose everything after the moment ``to`` of the history; before it, Redis was empty."""
        positions, mark = self.history[to] if self.history else ({}, None)
        del self.history[to + 1 :]
        self.plain.delete(LAST_REVISIONS, MARK)
        if positions:
            self.plain.hset(LAST_REVISIONS, mapping=positions)
        if mark is not None:
            self.plain.set(MARK, mark)

    def __getattr__(self, name: str) -> Any:
        if name == "pipeline":
            return self.pipeline
        real = getattr(self.plain, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.before()
            result = real(*args, **kwargs)
            self.remember()
            return result

        return call

    def pipeline(self, **options: Any) -> Any:
        pipe = self.plain.pipeline(**options)
        execute = pipe.execute

        def run(*args: Any, **kwargs: Any) -> Any:
            self.before()
            result = execute(*args, **kwargs)
            self.remember()
            return result

        pipe.execute = run
        return pipe


class Walk:
    """Random writes, sweeps, losses and ends of the sweeping process."""

    def __init__(self, seed: int, kind: type[Mark]) -> None:
        self.random = random.Random(seed)
        self.redis = LossyRedis(fakeredis.FakeServer(version=(7, 2)))
        self.kind = kind
        self.memory = MemoryMark()
        self.subjects = MemorySubjects()
        self.publisher = Publisher(self.redis, "/repositories/repo-local", 1_000_000)
        self.sweep = self.new_process()

    def new_process(self) -> Sweep:
        mark, clock = self.kind(self.redis, self.memory), FakeClock(START + timedelta(minutes=1))
        return Sweep([self.subjects], self.publisher, mark, clock=clock, between=self.disturb)

    def disturb(self) -> None:
        if self.random.random() < 0.07:
            self.redis.go_back(self.random.randrange(-1, len(self.redis.history) or 1))
        if self.random.random() < 0.05:
            raise Died
        if self.random.random() < 0.2:
            self.write()

    def write(self) -> None:
        """A write as the service makes it: what is known to be on the stream leaves the outbox with it."""
        before, self.redis.before = self.redis.before, lambda: None
        name = self.random.choice(NAMES)
        stored = self.subjects.stored.get(name)
        if stored:
            last = self.publisher.last_known(PLUGIN_CHANGED, name, stored.revision, stored.outbox)
            left = tuple(event for event in stored.outbox if event.revision > last)
            self.subjects.stored[name] = replace(stored, outbox=left)
        self.subjects.change(name)
        if self.random.random() < 0.8:
            self.publisher.publish_many(self.subjects.load([name], START))
        self.redis.before = before

    def run(self, steps: int) -> None:
        self.redis.before = self.disturb
        for _ in range(steps):
            try:
                self.write()
                self.sweep_once()
            except Died:
                self.sweep = self.new_process()
        self.redis.before = lambda: None

    def sweep_once(self) -> None:
        if not self.sweep.pending().is_sound:
            self.sweep.compare()

    def lost(self) -> Mapping[str, int]:
        """The revisions that are missing on the stream when the sweep has done its work."""
        self.disturb = lambda: None  # type: ignore[method-assign]  # nothing happens any more
        self.sweep = self.new_process()
        for _ in range(3):
            self.sweep_once()
        stored = {name: subject.revision for name, subject in self.subjects.stored.items()}
        found = self.publisher.positions(PLUGIN_CHANGED, list(stored))
        behind = zip(stored.items(), found, strict=True)
        return {name: revision for (name, revision), position in behind if position.revision < revision}


class Unmoved(Mark):
    """Never moved: an id of the data set alone."""

    def move(self, event_type: str, revisions: Mapping[str, int]) -> bool:
        return True


class Unchecked(Mark):
    """Moved whatever was there before, and whatever is on the stream."""

    def move(self, event_type: str, revisions: Mapping[str, int]) -> bool:
        self.put()
        return True


class Blind(Mark):
    """Moved without a look at the events."""

    def move(self, event_type: str, revisions: Mapping[str, int]) -> bool:
        return super().move(event_type, dict.fromkeys(revisions, 0))


class Sure(Mark):
    """Moved without a look at what was there before."""

    def move(self, event_type: str, revisions: Mapping[str, int]) -> bool:
        self._found = found if (found := self._redis.plain.get(MARK)) is None else found.decode()
        return super().move(event_type, revisions)
