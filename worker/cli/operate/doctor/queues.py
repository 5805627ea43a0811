"""The queues: who owns them, what waits or is in progress, what is parked."""

from collections.abc import Iterator
from datetime import UTC, datetime

from contracts.partition import COMMANDS
from worker.cli.operate.connection import partitions_of
from worker.cli.operate.doctor.finding import Finding, Level, ago
from worker.process.partitions import Partitions
from worker.process.queues import Queues, QueueStatus
from worker.services import Services

_EPOCHS_FROM = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000


def inspect_partitions(services: Services) -> Iterator[Finding]:
    """Compare the number of partitions in force with the one in the settings."""
    wanted = services.settings.command_partitions
    kept = Partitions(services.broker).number()
    if kept is None:
        yield Finding("partitions", "ok", COMMANDS, f"no worker has started yet; the settings say {wanted}")
    elif kept == wanted:
        yield Finding("partitions", "ok", COMMANDS, f"{kept} partition(s)")
    else:
        advice = f"set PLUGINS_COMMAND_PARTITIONS={kept} here, or see plugins partitions set --help"
        text = (
            f"{kept} partition(s) in force, but {wanted} in the settings here: such workers refuse to start"
        )
        yield Finding("partitions", "fail", COMMANDS, text, advice)


def inspect_queues(services: Services) -> Iterator[Finding]:
    """Inspect every queue."""
    now = datetime.now(UTC)
    for status in Queues(services.broker).statuses(partitions_of(services)):
        yield _consumed(status, now)
        if status.parked:
            text = f"{status.parked} parked message(s) are not dead letters yet"
            advice = "a commands worker stores them within seconds; or run plugins dead-letters drain"
            yield Finding("parked", "warn", status.queue, text, advice, {"parked": status.parked})


def inspect_strays(services: Services) -> Iterator[Finding]:
    """Find commands that were sent with a larger number of partitions: no worker consumes their queues."""
    for queue, waiting in Queues(services.broker).strays(partitions_of(services)).items():
        text = f"{waiting} command(s) wait on a partition that does not exist; no worker applies them"
        advice = "correct the number of partitions of their publisher, and see plugins partitions set --help"
        yield Finding("stray", "warn", queue, text, advice, {"waiting": waiting})


def _consumed(status: QueueStatus, now: datetime) -> Finding:
    details = {
        "owner": status.owner,
        "lease_s": round(status.owned_for_s, 1),
        "consumers": list(status.consumers),
        "lengths": {str(step): length for step, length in status.lengths.items()},
        "unacked": status.unacked,
    }
    counts = f"{status.waiting} waiting, {status.unacked} in progress"
    if status.owner:
        text = f"{counts}; owner {status.owner}{_since(status, now)}"
        return Finding("queue", "ok", status.queue, text, details=details)
    if status.consumers:
        text = f"{counts}; {len(status.consumers)} consumer(s)"
        return Finding("queue", "ok", status.queue, text, details=details)
    advice = f"start a worker: celery -A worker worker -Q {status.queue}"
    level: Level = "fail" if status.waiting or status.unacked else "warn"
    return Finding("queue", level, status.queue, f"{counts}; no worker consumes it", advice, details)


def _since(status: QueueStatus, now: datetime) -> str:
    """An epoch is the time at which the lease was taken, unless it had to be raised."""
    if not _EPOCHS_FROM < status.epoch <= now.timestamp() * 1000:
        return ""
    return f" for {ago(datetime.fromtimestamp(status.epoch / 1000, UTC), now)}"


def inspect_remote_control(services: Services) -> Iterator[Finding]:
    """Tell whether any worker listens to remote control."""
    listening = Queues(services.broker).listening()
    if not listening:
        text = "off: no worker listens; celery inspect, celery control and Flower see none"
        yield Finding("remote_control", "ok", "remote control", text)
        return
    text = f"open at {listening} worker(s): a panel that only looks"
    yield Finding("remote_control", "ok", "remote control", text, details={"workers": listening})
