"""The queues: who owns them, what waits, what is parked."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from contracts.partition import COMMANDS
from worker.cli.operate.doctor.finding import Finding, Level, ago
from worker.process.partitions import Partitions
from worker.process.queues import Queues, QueueStatus

_EPOCHS_FROM = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000


def check_partitions(partitions: Partitions, wanted: int) -> Iterator[Finding]:
    """The number of partitions in force against the one of the settings."""
    kept = partitions.number()
    if kept is None:
        yield Finding("partitions", "ok", COMMANDS, f"no worker has started yet; the settings say {wanted}")
    elif kept == wanted:
        yield Finding("partitions", "ok", COMMANDS, f"{kept} partition(s)")
    else:
        advice = f"set PLUGINS_COMMAND_PARTITIONS={kept} here, or see plugins partitions set --help"
        text = (
            f"{kept} partition(s) in force, the settings here say {wanted}: workers with them refuse to start"
        )
        yield Finding("partitions", "fail", COMMANDS, text, advice)


def check_queues(queues: Queues, number: int) -> Iterator[Finding]:
    """Every queue."""
    now = datetime.now(UTC)
    for state in queues.statuses(number):
        yield _consumed(state, now)
        if state.parked:
            text = f"{state.parked} parked message(s) are not stored yet"
            advice = "a commands worker stores them within seconds; or run plugins dead-letters drain"
            yield Finding("parked", "warn", state.queue, text, advice, {"parked": state.parked})


def check_strays(queues: Queues, number: int) -> Iterator[Finding]:
    """Commands that were sent by a larger number of partitions: no worker consumes their queues."""
    for queue, waiting in queues.strays(number).items():
        text = f"{waiting} command(s) wait on a partition that there is not; nobody applies them"
        advice = "give their publisher the number in force, and see plugins partitions set --help"
        yield Finding("stray", "warn", queue, text, advice, {"waiting": waiting})


def _consumed(state: QueueStatus, now: datetime) -> Finding:
    details = {
        "owner": state.owner,
        "lease_s": round(state.owned_for_s, 1),
        "consumers": list(state.consumers),
        "lengths": {str(step): length for step, length in state.lengths.items()},
        "unacked": state.unacked,
    }
    waits = f"{state.waiting} waiting, {state.unacked} handed out"
    if state.owner or state.consumers:
        by = (
            f"owner {state.owner}{_since(state, now)}"
            if state.owner
            else f"{len(state.consumers)} consumer(s)"
        )
        return Finding("queue", "ok", state.queue, f"{waits}; {by}", details=details)
    advice = f"start a worker: celery -A worker worker -Q {state.queue}"
    level: Level = "fail" if state.waiting or state.unacked else "warn"
    return Finding("queue", level, state.queue, f"{waits}; nobody consumes it", advice, details)


def _since(state: QueueStatus, now: datetime) -> str:
    """An epoch is the time at which the lease was taken, unless it had to be raised."""
    if not _EPOCHS_FROM < state.epoch <= now.timestamp() * 1000:
        return ""
    return f" for {ago(datetime.fromtimestamp(state.epoch / 1000, UTC), now)}"


def check_dead_letters(counts: Mapping[str, int]) -> Iterator[Finding]:
    """Dead letters by reason."""
    total = sum(counts.values())
    if not total:
        yield Finding("dead_letters", "ok", "dead letters", "none")
        return
    told = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    advice = "see plugins dead-letters list; replay or purge them"
    yield Finding("dead_letters", "warn", "dead letters", f"{total}: {told}", advice, dict(counts))
