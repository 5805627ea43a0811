"""What a worker does beside its tasks."""

import logging
import os
import signal
import time
from collections.abc import Iterable, Sequence
from typing import Any

from celery import Celery

from contracts._redis.outage import translate_outage
from contracts.errors import Unavailable
from contracts.partition import QUERIES, VERSIONS
from worker.dead_letters.parking import Parking
from worker.events.sweeper import Sweeper, Turn
from worker.process.checks import is_commands, roles_of
from worker.process.partitions import Partitions
from worker.process.periodic import STOP_S, Chore, Periodic
from worker.process.rights import uses_of
from worker.process.rights_watch import WatchRights
from worker.services import Services
from worker.store.dead_letter_retention import Retention
from worker.store.indexes import ensure_indexes
from worker.tasks.answer_store import AnswerStore
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.tasks.oversize import answer_oversize
from worker.transport import ParkedMessage, drain_parked_messages
from worker.transport.inspect import any_parked
from worker.transport.parked import Sink

logger = logging.getLogger(__name__)

_TURN_S = 1.0
_AFTER_OUTAGE_S = 2.0
_AFTER_FAULT_S = 30.0
# What is drained of one queue before the other chores of its thread get their turn.
_DRAIN_S = 5.0
_REST_S = 0.5
_ROOM_S = 60.0
# How many reasons one line of the log names.
_TOLD = 10


class WorkerThreads:
    """The threads beside a worker. ``turn``: the turn to sweep, which another process gets at the end."""

    def __init__(self, threads: Sequence[Periodic], turn: Turn | None = None) -> None:
        self._threads = threads
        self._turn = turn
        self._asked_at: float | None = None

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """End the threads when the chores that run now are done."""
        self._asked_at = self._asked_at or time.monotonic()
        for thread in self._threads:
            thread.ask_to_stop()

    def stop(self) -> None:
        """The same, and wait for that, until ``STOP_S`` after it was first asked for."""
        self.ask_to_stop()
        until = (self._asked_at or 0.0) + STOP_S
        for thread in self._threads:
            thread.stop(max(0.0, until - time.monotonic()))
        try:
            if self._turn is not None:
                self._turn.leave()
        except Unavailable:
            logger.info("the turn to sweep ends by itself")


def threads_beside(app: Any, queues: Sequence[str]) -> WorkerThreads:
    """Return what runs beside a worker of ``app``, a ``worker.app.PluginRepository``, on these queues."""
    services: Services = app.services
    watch = WatchRights(roles_of(queues), uses_of(services), services.settings.remote_control)
    threads = [Periodic("rights", [watch])]
    if VERSIONS in queues:
        # The subscription has a thread of its own: it waits for events.
        threads.append(Periodic("subscription", [services.subscription()]))
    if not is_commands(queues):
        return WorkerThreads(threads)
    turn = Turn(services.redis)
    sink = ParkedMessageSink(app, services.parking)
    chores: list[Chore] = [
        EnsureIndexes(services.database),
        DrainParkedMessages(services.broker, queues, sink, services.dead_letters.retention),
        KeepPartitions(Partitions(services.broker), services.settings.command_partitions),
        Sweeper(services.sweep(turn.keep), turn),
    ]
    # Folders have a thread of their own: to load a large one must not hold up the sweep.
    threads += [Periodic("sweeper", chores), Periodic("repositories", [services.folders()])]
    return WorkerThreads(threads, turn)


class EnsureIndexes:
    """Makes the indexes of the store, once."""

    name = "the making of indexes"
    interval_s = _TURN_S

    def __init__(self, database: Any) -> None:
        self._database = database
        self._done = False

    def run(self) -> None:
        if self._done:
            return
        # An index that cannot be made costs speed alone: a bug is logged, and not met again every second.
        self._done = True
        try:
            ensure_indexes(self._database)
        except Unavailable:
            self._done = False
            raise


class ParkedMessageSink:
    """Takes parked messages: keeps them, and answers those that were only too large."""

    def __init__(self, app: Celery, parking: Parking) -> None:
        self._app = app
        self._parking = parking

    def __call__(self, parked: Sequence[ParkedMessage]) -> None:
        """Keep parked messages. Raises ``StoreUnavailable``."""
        letters = self._parking.store(parked)
        try:
            answer_oversize(AnswerStore.best_effort(self._app.services), letters)
        except Exception:
            # They are kept, and their callers meet their own timeouts; what is parked behind them goes on.
            logger.exception("messages parked for their size could not be answered")


class DrainParkedMessages:
    """Brings the parked messages of ``queues`` into the store, and keeps the dead letters within their caps.

    Every commands worker does so for the queues that it consumes, and for the shared ones, which may have no
    such worker of their own. Several at once do no harm.
    """

    name = "the draining of parked messages"
    interval_s = _TURN_S

    def __init__(self, client: Any, queues: Iterable[str], sink: Sink, retention: Retention) -> None:
        self._redis = client
        self._queues = list(dict.fromkeys([*queues, QUERIES, VERSIONS]))
        self._sink = sink
        self._retention = retention
        self._not_before = 0.0
        self._outage: Unavailable | None = None
        self._room_not_before = 0.0

    def run(self) -> None:
        if time.monotonic() < self._not_before:
            if self._outage:
                raise self._outage
            return
        self._outage = None
        try:
            with translate_outage(BrokerUnavailable, BROKER_AWAY):
                parked = any_parked(self._redis, self._queues)
            for queue in self._queues if parked else ():
                self._drain(queue)
            if parked or time.monotonic() >= self._room_not_before:
                self._make_room()
        except Unavailable as outage:
            # Raised again until then: the wait goes on, and is told once a minute.
            self._not_before, self._outage = time.monotonic() + _AFTER_OUTAGE_S, outage
            raise

    def _drain(self, queue: str) -> None:
        try:
            with translate_outage(BrokerUnavailable, BROKER_AWAY):
                count = self._drain_for_a_while(queue)
        except Unavailable:
            raise
        except Exception:
            # A bug that one queue brings to light must not keep the others from being drained.
            logger.exception("the parked messages of %s stay in Redis for now", queue)
            self._not_before = time.monotonic() + _AFTER_FAULT_S
            return
        if count:
            logger.warning("%d parked message(s) of %s are dead letters now", count, queue)

    def _drain_for_a_while(self, queue: str) -> int:
        begun, drained = time.monotonic(), 0
        while (last := time.monotonic()) < begun + _DRAIN_S:
            count = drain_parked_messages(self._redis, queue, self._sink)
            if not count:
                break
            drained += count
            # Commands that wait behind junk need this process too: they get as much of its time.
            time.sleep(min(_REST_S, time.monotonic() - last))
        return drained

    def _make_room(self) -> None:
        """Keep the caps where letters came in by another way, too: those of faults."""
        self._retention.make_room()
        self._room_not_before = time.monotonic() + _ROOM_S
        if dropped := self._retention.take_dropped():
            reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.most_common(_TOLD))
            logger.warning(
                "dropped %d of the oldest dead letters that no task can apply, to keep the caps: %s",
                dropped.total(),
                reasons,
            )


class KeepPartitions:
    """Ends this process, once and in good order, when the number of partitions is no longer its own.

    The check at the start may have passed while the number was being changed. A Redis that lost the number
    is given it again, before a worker with another number starts.
    """

    name = "the check of the number of partitions"
    interval_s = _TURN_S

    def __init__(self, partitions: Partitions, number: int) -> None:
        self._partitions = partitions
        self._number = number
        self._ended = False

    def run(self) -> None:
        kept = self._number if self._ended else self._partitions.agree(self._number)
        if kept != self._number:
            logger.critical(
                "there are %d partition(s) now, not %d: this worker ends; if nobody was to change it, "
                "'plugins partitions set %d' takes it back",
                kept,
                self._number,
                self._number,
            )
            self._ended = True
            os.kill(os.getpid(), signal.SIGTERM)
