"""The commands of one plugin in a group, decided in order over its record."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from contracts.errors import ContractError, DecidedBefore, InternalFault
from contracts.plugin import PluginInfo
from worker.domain.command import Command
from worker.domain.events import Subject
from worker.domain.plugin import Changed, Decision, Unchanged, plugin_text
from worker.domain.record import NoEffect, Record
from worker.plugins.group_size import are_too_large

logger = logging.getLogger(__name__)

TRIES = 3
"""How often a decision, or a whole step, that meets a bug is tried."""


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome of a command that was applied, or had nothing to change: the plugin as it is then.

    ``text``: the same as JSON; empty if there is no room for it in an answer.
    """

    plugin: PluginInfo
    text: str


Outcome = Done | ContractError

_Name = tuple[str, str]
"""The id and the digest of a command."""


class Decider(Protocol):
    """What a plan needs of the engine."""

    def clock(self) -> datetime:
        """Return the time in UTC."""

    def decide(self, record: Record, command: Command, now: datetime) -> Decision:
        """Return the pure decision. Raises a refusal."""

    def apply_change(self, record: Record, change: Changed, command: Command, now: datetime) -> Record:
        """Return the record after a change."""

    def keep(self, command: Command, bug: Exception) -> InternalFault:
        """Keep a command that met a bug as a dead letter, and return how it is answered."""


@dataclass(slots=True)
class Plan:
    """The commands of one plugin, in order, and what has become of them.

    ``open``: those without an outcome yet, each with its place in the group.
    ``record``: the plugin as it is known; None before it was read.
    ``fresh``: whether the record was read, or written, for this group.
    ``missed``: whether a write seemed to miss. It may have taken effect, and its event may be gone from the
    outbox by now.
    ``before``, ``after``: the record before and after the commands that were decided last.
    ``decided``: their outcomes, which count when ``after`` is written, or at once if there is nothing to
    write.
    ``redelivered``: whether an earlier try, or an earlier owner, may have begun any of them.
    """

    key: str
    open: list[tuple[int, Command]] = field(default_factory=list)
    record: Record | None = None
    fresh: bool = False
    missed: bool = False
    before: Record = field(init=False)
    after: Record = field(init=False)
    decided: list[tuple[int, Outcome]] = field(default_factory=list)
    redelivered: bool = False
    # The ids of all commands of this plan.
    _ids: frozenset[str] = frozenset()
    # What follows are commands without effect: id and digest -> code, which is empty if there was nothing to
    # change. Those of this plan that were stored with the record, when an earlier try decided them.
    _stored: dict[_Name, str] = field(default_factory=dict)
    # Those that were decided here, some of them perhaps not for good.
    _passed: dict[_Name, str] = field(default_factory=dict)
    # Those whose outcome counts.
    _final: dict[_Name, str] = field(default_factory=dict)
    # Those before the last effect: that write stores them.
    _covered: dict[_Name, str] = field(default_factory=dict)

    @property
    def writes(self) -> bool:
        """Whether what was decided last changes the record."""
        return self.after.revision != self.before.revision

    def decide(self, before: Record, decider: Decider, again: bool) -> None:
        """Decide the open commands over ``before``, as many as the outbox has room for; fewer if the outcomes
        of all are too large.

        ``again``: whether an earlier try may have begun to apply them.
        """
        self._ids = self._ids or frozenset(command.id for _, command in self.open)
        self._stored = {(name, digest): code for name, digest, code in before.no_effect if name in self._ids}
        self._passed = dict(self._final)
        self._covered = {}
        self.before = self.after = before
        self.decided = []
        self.redelivered = False
        for index, command in self.open:
            if self.decided and (not self._has_room() or (not again and are_too_large([self.size]))):
                break
            redelivered = again or self.missed or command.origin.redelivered
            self.redelivered = self.redelivered or redelivered
            self.decided.append((index, self._outcome(decider, command, redelivered)))
        passed = tuple([NoEffect(*name, code) for name, code in (self._stored | self._covered).items()])
        if self.writes and passed != self.after.no_effect:
            self.after = replace(self.after, no_effect=passed)

    @property
    def size(self) -> int:
        """About how many characters the outcomes of all open commands have."""
        largest = max((len(o.text) for _, o in self.decided if isinstance(o, Done)), default=0)
        return len(self.open) * largest

    @property
    def passed(self) -> bool:
        """Whether any of the commands had no effect, now or when it was decided before."""
        return bool(self._final or self._stored)

    def commit(self) -> list[tuple[int, Outcome]]:
        """Return the outcomes of what was decided last: they count."""
        decided, self.decided = self.decided, []
        self.open = self.open[len(decided) :]
        self._final = self._passed
        self.record = self.after
        self.fresh = True
        return decided

    def read(self, record: Record) -> None:
        """Take the record as it was just read; what was decided before does not count."""
        self.record = record
        self.decided = []
        self.fresh = True

    def _has_room(self) -> bool:
        outbox = self.after.outbox
        return self.after.has_room(1, outbox[-1].size if outbox else 0)

    def _outcome(self, decider: Decider, command: Command, redelivered: bool) -> Outcome:
        visible = self.after.shown
        is_applied = visible and command.id in self.after.applied
        is_other = is_applied and self.after.applied_other(command.id, command.digest)
        if visible and is_applied and not is_other:
            return Done(visible, plugin_text(visible))
        if redelivered and (code := self._stored_code(command)) is not None:
            # An effect that came after it is stored. Decided again, over that, it could have one too.
            if visible and not code and not command.is_item:
                return Done(visible, plugin_text(visible))
            return _decided_before(command, code)
        if is_other:
            return _id_is_used(command)
        for tries in range(1, TRIES + 1):
            try:
                return self._decide(decider, command)
            except ContractError as refusal:
                self._passed[command.id, command.digest] = refusal.code
                return refusal
            except Exception as bug:
                # A bug in one command must not take the others with it: it alone becomes a dead letter.
                logger.exception("%s failed, try %d of %d", command.id, tries, TRIES)
                if tries == TRIES:
                    self._passed[command.id, command.digest] = InternalFault.code
                    return decider.keep(command, bug)
        raise AssertionError("unreachable")

    def _stored_code(self, command: Command) -> str | None:
        code = self._stored.get((command.id, command.digest))
        # Of a command that an older worker stored, the digest is not known.
        return self._stored.get((command.id, "")) if code is None else code

    def _decide(self, decider: Decider, command: Command) -> Outcome:
        now = decider.clock()
        decision = decider.decide(self.after, command, now)
        if isinstance(decision, Unchanged):
            self._passed[command.id, command.digest] = ""
            return Done(decision.plugin, plugin_text(decision.plugin))
        self.after = decider.apply_change(self.after, decision, command, now)
        self._covered = dict(self._passed)
        return Done(decision.plugin, decision.text)


@dataclass(frozen=True, slots=True)
class Applied:
    """A group that was applied: the outcome of each command, and the subjects with events to publish.

    ``passed``: the plugins that a command had no effect on. Until it is settled, no later group may change
    them: it would not remember that command, which would be decided again if it were delivered again.
    """

    outcomes: list[Outcome]
    subjects: list[Subject]
    passed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Commands that were decided as far as that needs no server.

    ``count``: how many commands. ``again``: whether an earlier try may have begun to apply them.
    ``generation``: that of the records which they were decided over.
    """

    plans: list[Plan]
    count: int
    again: bool
    generation: int


def plans_of(commands: Sequence[Command]) -> list[Plan]:
    """Return a plan for each plugin that ``commands`` are for."""
    plans: dict[str, Plan] = {}
    for index, command in enumerate(commands):
        plan = plans.get(command.key)
        if plan is None:
            plan = plans[command.key] = Plan(command.key)
        plan.open.append((index, command))
    return list(plans.values())


def keys_of(plans: Iterable[Plan]) -> list[str]:
    """Return the keys of plans."""
    return [plan.key for plan in plans]


def _decided_before(command: Command, code: str) -> DecidedBefore:
    return DecidedBefore(
        f"the command was decided before, without an effect on {command.write.plugin_id}",
        details={"code": code},
    )


def _id_is_used(command: Command) -> DecidedBefore:
    return DecidedBefore(
        f"another command with this id was applied to {command.write.plugin_id} before",
        details={"path": "id"},
    )
