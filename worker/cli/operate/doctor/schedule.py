"""What runs by itself: the schedule of versions, managed repositories, the processes of this machine."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from worker.cli.operate.doctor.finding import Finding, ago
from worker.process.heartbeat import STALE_S, HeartbeatError, seen
from worker.store.image_queue import GroupCount

_OVERDUE = timedelta(minutes=30)


def check_versions(groups: Sequence[GroupCount]) -> Iterator[Finding]:
    """Images that are due or fail, by registry."""
    now = datetime.now(UTC)
    images, due = sum(g.images for g in groups), sum(g.due for g in groups)
    late = [g for g in groups if g.oldest_due_at and now - g.oldest_due_at > _OVERDUE]
    text = f"{images} image(s), {due} due"
    failing = [g for g in groups if g.failing]
    if not late and not failing:
        yield Finding("versions", "ok", "versions", text, details={"images": images, "due": due})
    for group in late:
        oldest = ago(group.oldest_due_at or now, now)
        text = f"{group.due} of {group.images} image(s) are due, the oldest for {oldest}"
        advice = "see plugins sync status; are beat and a worker of plugin.versions running?"
        yield Finding(
            "versions", "warn", group.budget_group, text, advice, {"images": group.images, "due": group.due}
        )
    for group in failing:
        text = f"{group.failing} of {group.images} image(s) could not be read at the last try"
        advice = f"see plugins sync status; can a worker of plugin.versions reach {group.budget_group}?"
        details = {"images": group.images, "failing": group.failing}
        yield Finding("versions", "warn", group.budget_group, text, advice, details)


def check_managed(faults: Iterable[Any]) -> Iterator[Finding]:
    """Documents of managed repositories that cannot be used."""
    found = list(faults)
    if not found:
        yield Finding("managed", "ok", "managed repositories", "every document can be used")
    for fault in found:
        yield Finding("managed", "warn", "managed repositories", str(fault), "put the document right")


def check_heartbeats(directory: Path) -> Iterator[Finding]:
    """The processes of this machine that write a heartbeat; none is no fault, they may run elsewhere."""
    try:
        processes = seen(directory)
    except HeartbeatError as fault:
        yield Finding("heartbeat", "warn", "this machine", str(fault), "set PLUGINS_HEARTBEAT_DIR")
        return
    if not processes:
        yield Finding("heartbeat", "ok", "this machine", "no process runs here")
    for process in processes:
        text = f"process {process.pid}, {process.age_s:.0f} s ago"
        if process.healthy:
            yield Finding("heartbeat", "ok", process.name, text)
        else:
            advice = f"it hangs ({STALE_S:g} s are allowed): end it, and keep its log"
            yield Finding("heartbeat", "fail", process.name, text, advice)
