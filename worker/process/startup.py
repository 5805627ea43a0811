"""What a worker checks before it starts, and what it runs beside its tasks."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any

import redis
from celery import Celery, signals

from contracts.errors import Unavailable
from contracts.partition import COMMANDS, command_queues
from worker.dead_letters.parking import ParkedMessage
from worker.events.sweeper import Sweeper, Turn
from worker.process.broker import PARTITIONS, Broker, Drain
from worker.repositories.managed.folder import Watch
from worker.services import Services
from worker.settings import Settings
from worker.store.indexes import ensure_indexes
from worker.tasks.oversize import answer_oversize

logger = logging.getLogger(__name__)


def connect(app: Celery, settings: Settings, services: Callable[[], Services]) -> None:
    """Attach the checks and the companions of a worker to Celery's signals."""
    beside: list[Sweeper | Watch] = []

    def check(instance: Any, **_: Any) -> None:
        queues = list(app.amqp.queues.consume_from)
        if instance.app is not app or not is_commands(queues):
            return
        most = max(instance.concurrency, instance.max_concurrency or 0)
        check_profile(most, _module(instance.pool_cls), instance.prefetch_multiplier)
        check_queues(queues, settings.command_partitions)
        check_partitions(services().broker, settings.command_partitions)
        if settings.command_partitions > 1:
            # One of them reads what a publisher that knows no partitions sends, whichever it was told.
            more = command_queues(settings.command_partitions) if COMMANDS in queues else [COMMANDS]
            app.amqp.queues.select(list(dict.fromkeys([*queues, *more])))

    def begin(sender: Any, **_: Any) -> None:
        if sender.app is app and is_commands(app.amqp.queues.consume_from):
            own = services()
            turn = Turn(own.redis)

            def keep(parked: ParkedMessage) -> None:
                own.parking.store(parked)
                try:
                    answer_oversize(app, parked)
                except Exception:
                    # It is kept, and its caller meets its own timeout; what is parked behind it goes on.
                    logger.exception("a message parked for its size could not be answered")

            drain = Drain(lambda: Broker(own.broker), app.amqp.queues.consume_from, keep)
            indexes = _Once(lambda: ensure_indexes(own.database))
            also = _InTurn(indexes, drain, _Agreement(own.broker, settings.command_partitions))
            beside.append(Sweeper(own.sweep(turn.keep), own.publisher, turn, own.redis, also=also))
            beside[-1].start()
            beside.append(own.watch())
            beside[-1].start()

    def end(**_: Any) -> None:
        while beside:
            beside.pop().stop()

    signals.celeryd_after_setup.connect(_or_end(check), weak=False)
    signals.worker_ready.connect(_or_end(begin), weak=False)
    signals.worker_shutdown.connect(end, weak=False)


def _or_end(step: Callable[..., None]) -> Callable[..., None]:
    """``step``, whose failure ends the process: Celery logs what a signal's receiver raises and goes on, and
    a worker without its checks, its sweep or its drain must not.
    """

    def checked(**arguments: Any) -> None:
        try:
            step(**arguments)
        except Exception as fault:
            logger.critical("the worker cannot start", exc_info=True)
            sys.exit(f"the worker cannot start: {type(fault).__name__}: {fault}")

    return checked


class _InTurn:
    """Several things to do, one after the other."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        self._steps = steps

    def __call__(self) -> None:
        for step in self._steps:
            step()


class _Once:
    """Something to do until it has succeeded; what fails for another reason than an outage is logged and
    left.
    """

    def __init__(self, step: Callable[[], None]) -> None:
        self._step: Callable[[], None] | None = step

    def __call__(self) -> None:
        step, self._step = self._step, None
        if step is None:
            return
        try:
            step()
        except Unavailable:
            self._step = step
            raise
        except Exception:
            # An index that cannot be made costs speed; what the thread does beside it, events.
            logger.exception("the store could not be prepared")


def _module(pool: Any) -> str:
    return pool if isinstance(pool, str) else str(pool.__module__)


def check_partitions(broker: Any, partitions: int) -> None:
    """Refuse to start with another number of partitions than the one that commands are being sent by."""
    try:
        broker.set(PARTITIONS, partitions, nx=True)
        kept = int(broker.get(PARTITIONS) or partitions)
    except redis.RedisError:
        # The worker will wait for Redis anyway; a number that differs is found at the next start.
        logger.warning("Redis does not answer: the number of partitions was not compared")
        return
    if kept != partitions:
        sys.exit(
            f"this deployment has {kept} partition(s), and PLUGINS_COMMAND_PARTITIONS says {partitions}.\n"
            f"Set it to {kept}; or, to change it, end every publisher and worker and wait for empty queues.\n"
            f"Run: plugins partitions set {partitions}"
        )


class _Agreement:
    """Ends this process, once and in good order, when the number of partitions is not its own any more: one
    that was starting while the number was changed had passed its check before. A Redis that lost the number
    is told it again, before a worker with another one starts.
    """

    def __init__(self, broker: Any, partitions: int) -> None:
        self._broker = Broker(broker)
        self._partitions = partitions
        self._ended = False

    def __call__(self) -> None:
        try:
            kept = self._partitions if self._ended else self._broker.agreed(self._partitions)
        except Unavailable:
            return
        if kept != self._partitions:
            logger.critical("there are %d partition(s) now, not %d: this worker ends", kept, self._partitions)
            self._ended = True
            os.kill(os.getpid(), signal.SIGTERM)


def is_commands(queues: Any) -> bool:
    """Whether a worker with these queues applies commands, of whatever number of partitions."""
    return any(name == COMMANDS or name.startswith(f"{COMMANDS}.") for name in queues)


def check_queues(queues: Iterable[str], partitions: int) -> None:
    """Refuse to start on a commands queue that there is not: those that there are might have no worker."""
    known = command_queues(partitions)
    unknown = [name for name in queues if is_commands([name]) and name not in known]
    if not unknown:
        return
    there_is = known[0] if partitions == 1 else f"{known[1]} to {known[-1]}"
    sys.exit(
        f"there is no {', '.join(unknown)}: PLUGINS_COMMAND_PARTITIONS says {partitions}, which makes "
        f"{there_is}.\nSet it to the deployment's number of partitions, or name a queue that there is.\n"
        f"Run: celery -A worker worker -Q {known[-1]}"
    )


def check_profile(concurrency: int, pool: str, prefetch: int) -> None:
    """Refuse a commands worker that would apply two commands at once."""
    if concurrency == 1 and prefetch == 1 and ("thread" in pool):
        return
    sys.exit(
        "a worker of a commands queue applies one command at a time, in the order sent: it needs the threads "
        f"pool, concurrency 1 and prefetch 1 (it was told {pool}, {concurrency} and {prefetch}).\n"
        "Run: celery -A worker worker -Q plugin.commands\n"
        "To apply more at once, set PLUGINS_COMMAND_PARTITIONS and give each worker a partition of its own:\n"
        "     celery -A worker worker -Q plugin.commands.0"
    )
