"""What a commands worker checks before it starts. Each check may end the process."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

from celery import bootsteps

from contracts.partition import COMMANDS, QUERIES, VERSIONS, command_queues
from worker.process.heartbeat import begin_heartbeat
from worker.process.partitions import Partitions
from worker.process.rights import check_rights, uses_of
from worker.process.store_rights import check_store
from worker.tasks.belong import kind_of
from worker.tasks.broker import BrokerUnavailable

logger = logging.getLogger(__name__)


class Checks(bootsteps.Step):  # type: ignore[misc]  # celery is untyped
    """The checks, made while Celery makes the worker: nothing is connected or started before."""

    def create(self, worker: Any) -> None:
        app = worker.app
        # A silent Redis takes its time here already. The consumer goes on with the same one.
        begin_heartbeat(str(worker.hostname), app.settings.heartbeat_dir)
        queues, partitions = list(app.amqp.queues.consume_from), app.settings.command_partitions
        check_queues(queues, partitions)
        check_rights(roles_of(queues), uses_of(app.services), app.settings.remote_control)
        check_store(roles_of(queues), app.services.database)
        if not is_commands(queues):
            return
        most = max(worker.concurrency, worker.max_concurrency or 0)
        check_profile(most, str(worker.pool_cls.__module__), worker.prefetch_multiplier)
        check_partitions(Partitions(app.services.broker), partitions)
        if partitions > 1:
            # What a publisher without partitions sends must be read too, by the worker of whatever queue.
            more = command_queues(partitions) if COMMANDS in queues else [COMMANDS]
            app.amqp.queues.select(list(dict.fromkeys([*queues, *more])))


def roles_of(queues: Iterable[str]) -> set[str]:
    """Return the roles of a worker of these queues: see ``worker.process.roles``."""
    return {name.split(".")[1] for name in queues if name.startswith("plugin.")}


def is_commands(queues: Iterable[str]) -> bool:
    """Return whether a worker of these queues applies commands, of whatever number of partitions."""
    return any(kind_of(name) == COMMANDS for name in queues)


def check_profile(concurrency: int, pool: str, prefetch: int) -> None:
    """Refuse a commands worker that would apply two commands at once. ``pool``: the module of its pool."""
    if concurrency == 1 and prefetch == 1 and ("thread" in pool):
        return
    sys.exit(
        "a worker of a commands queue applies one command at a time, in the order sent: it needs the threads "
        f"pool, concurrency 1 and prefetch 1 (it has {pool}, {concurrency} and {prefetch}).\n"
        "Run: celery -A worker worker -Q plugin.commands\n"
        "To apply more at once, set PLUGINS_COMMAND_PARTITIONS and give each worker a partition of its own:\n"
        "     celery -A worker worker -Q plugin.commands.0"
    )


def check_queues(queues: Iterable[str], partitions: int) -> None:
    """Refuse to start on a queue that does not exist.

    The queues that do might have no worker; and what is on any other would come by kombu's own transport,
    which one message can end.
    """
    foreign = [name for name in queues if kind_of(name) not in (COMMANDS, QUERIES, VERSIONS)]
    if foreign:
        sys.exit(
            f"there is no {', '.join(foreign)}: the queues are {COMMANDS}, {QUERIES} and {VERSIONS}.\n"
            f"Run: celery -A worker worker -Q {QUERIES}"
        )
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


def check_partitions(partitions: Partitions, number: int) -> None:
    """Refuse to start with another number of partitions than the one in force."""
    try:
        kept = partitions.agree(number)
    except BrokerUnavailable as outage:
        # The worker waits for Redis anyway; a number that differs is found when it answers again.
        logger.warning("%s: the number of partitions was not compared", outage.message)
        return
    if kept != number:
        sys.exit(
            f"this deployment has {kept} partition(s), and PLUGINS_COMMAND_PARTITIONS says {number}.\n"
            f"Set it to {kept}; or, to change it, end every publisher and worker and wait for empty queues.\n"
            f"Run: plugins partitions set {number}"
        )
