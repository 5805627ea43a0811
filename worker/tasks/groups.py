"""A group of commands, from its messages to their settlement."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from contracts.errors import ContractError, InternalFault
from contracts.partition import queue_of
from worker.domain.command import Fenced, GiveBack
from worker.domain.events import Subject
from worker.plugins.group_size import GroupTooLarge
from worker.plugins.plan import Applied
from worker.plugins.slices import SlicedBatch
from worker.services import Services
from worker.tasks.announce import Announcer
from worker.tasks.answers import Answer
from worker.tasks.belong import check_queue
from worker.tasks.entry import Entry, Part, decode, parts_of
from worker.tasks.lease import PartitionLease
from worker.tasks.supervise import supervise
from worker.transport import Group
from worker.transport.request import Request

logger = logging.getLogger(__name__)


class GroupRun:
    """Applies one group, in order, and answers and settles each of its messages."""

    def __init__(
        self, services: Services, announcer: Announcer, group: Group, requests: Sequence[Request]
    ) -> None:
        self._services = services
        self._announcer = announcer
        self._group = group
        self._requests = requests
        self._lease = PartitionLease(group)
        self._passed: set[str] = set()

    def run(self) -> None:
        """Apply the group. What cannot be applied by this process goes back, whole and in order."""
        try:
            entries = [entry for request in self._requests if (entry := self._entry(request))]
            parts = list(parts_of(entries))
            for number, part in enumerate(parts):
                if number and self._group.stopping:
                    raise GiveBack
                self._apply_part(part, *parts[number + 1 : number + 2])
        except Fenced:
            # While the lease is ours after all, the messages are delivered again under its new epoch. In
            # other hands they are not ours to settle, and nothing happens.
            logger.warning("fenced: another process may have the lease of %s", self._group.queue)
            self._group.give_back()
        except GiveBack:
            logger.info("gives messages of %s back: the process is stopping", self._group.queue)
            self._group.give_back()
        finally:
            self._services.lookahead.drop()

    def _settle_before(self, _again: bool) -> None:
        """Settle what was told: what is written next must not be delivered again together with it.

        Raises: ``Fenced`` if it came too late, because another process has all of it by now.
        """
        self._lease.flush()
        if not self._lease.confirm():
            raise Fenced
        self._passed.clear()

    def _settle_what_passed(self, part: Part) -> None:
        """Settle earlier commands without effect, if ``part`` is for one of their plugins."""
        if any(command.key in self._passed for command in part.commands):
            supervise(self._settle_before, self._lease, self._group.queue)

    def _entry(self, request: Request) -> Entry | None:
        """Return a message with its commands, or with what it is refused for; None if it went elsewhere."""
        delivery = request.delivery
        partitions = self._services.settings.command_partitions
        try:
            check_queue(request.type, delivery.queue)
            queue = queue_of(request.type, request.kwargs, partitions)
            if queue != delivery.queue:
                delivery.forward(queue)
                return None
            return decode(request, partitions)
        except ContractError as refusal:
            return Entry(request, error=refusal)
        except Exception as bug:
            logger.exception("%s could not be decoded", request.id)
            keep = partial(self._keep, request, bug)
            fault = supervise(keep, self._lease, str(request.id))
            return Entry(request, error=fault)

    def _keep(self, request: Request, bug: Exception, _again: bool = False) -> InternalFault:
        fault: InternalFault = request.task.keep_dead_letter(request.delivery, bug)
        return fault

    def _apply_part(self, part: Part, next_one: Part | None = None) -> None:
        if part.after_settlement:
            supervise(self._settle_before, self._lease, self._group.queue)
        self._settle_what_passed(part)
        ahead = next_one if next_one and not next_one.after_settlement else None
        self._apply(part.entries, partial(self._carry_out, part, ahead))

    def _apply(self, entries: Sequence[Entry], decide: Callable[[bool], list[Subject]]) -> None:
        """Apply, tell and settle messages: together, or each by itself if that meets a bug."""
        begun = time.monotonic()
        alone = len(entries) == 1
        keep = partial(self._keep, entries[0].request) if alone else None
        name = entries[0].id if alone else f"{entries[0].id} and {len(entries) - 1} more"
        try:
            subjects = supervise(decide, self._lease, name, keep)
            supervise(partial(self._tell, entries, subjects), self._lease, name, keep)
        except (Fenced, GiveBack):
            raise
        except InternalFault as fault:
            entries[0].error = fault
            supervise(partial(self._tell, entries, []), self._lease, name)
            self._settle(entries, time.monotonic() - begun)
            return
        except Exception as error:
            if isinstance(error, GroupTooLarge):
                logger.info("%s are too large together: each is applied by itself", name)
            else:
                logger.exception("%s failed together: each is applied by itself", name)
        else:
            self._settle(entries, time.monotonic() - begun)
            return
        for entry in entries:
            part = Part([entry], False)
            self._settle_what_passed(part)
            self._apply([entry], partial(self._carry_out_again, part))

    def _carry_out(self, part: Part, ahead: Part | None, again: bool) -> list[Subject]:
        if again:
            return self._carry_out_again(part, again)
        prepared = self._services.lookahead.take(part.commands, self._lease.epoch)
        if ahead:
            self._services.lookahead.begin(ahead.commands, self._lease.epoch)
        try:
            return self._take(part, self._services.writer.carry_out(prepared, self._lease))
        except GroupTooLarge:
            if len(part.entries) > 1:
                raise
        # Outside of the handler: the error holds the plugins that were read.
        return self._carry_out_again(part, True)

    def _carry_out_again(self, part: Part, _again: bool) -> list[Subject]:
        """Apply what an earlier try may have begun to apply."""
        writer = self._services.writer
        if len(part.entries) == 1 and part.entries[0].items:
            batch = SlicedBatch(writer, self._services.publisher)
            return self._take(part, batch.apply(part.commands, self._lease))
        return self._take(part, writer.apply(part.commands, self._lease, again=True))

    def _take(self, part: Part, applied: Applied) -> list[Subject]:
        self._passed |= applied.passed
        return part.take(applied)

    def _tell(self, entries: Sequence[Entry], subjects: Sequence[Subject], _again: bool) -> None:
        answers = [
            Answer.failure(entry.answer_id, failure)
            if (failure := entry.failure)
            else Answer.success(entry.answer_id, entry.result)
            for entry in entries
            if entry.answered
        ]
        self._announcer.send(subjects, answers, [r for entry in entries for r in entry.refusals])

    def _settle(self, entries: Sequence[Entry], runtime_s: float) -> None:
        for entry in entries:
            logger.info("%s[%s] %s", entry.request.type, entry.id, entry.summary)
            if failure := entry.failure:
                entry.request.fail(failure)
            else:
                entry.request.succeed(runtime_s / len(entries))
