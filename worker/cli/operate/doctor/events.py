"""The events: what waits in outboxes, and a stream that is ahead of the store or behind it."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from worker.cli.operate.doctor.finding import Finding, ago
from worker.domain.subjects import Subjects
from worker.events.publish import Publisher, redis_away
from worker.events.reconcile import Reconcile
from worker.events.sweeper import TURN
from worker.store.inspect import Outbox

_LATE_S = 30.0
_NAMED = 10
_CHUNK = 1000
_SWEPT = "a commands worker publishes them; see that one runs and what it logs"


def check_outboxes(found: Sequence[Outbox]) -> Iterator[Finding]:
    """Unpublished events, by how long the oldest waits."""
    now = datetime.now(UTC)
    for outbox in found:
        if outbox.oldest is None:
            yield Finding("outbox", "ok", outbox.collection, "no event waits")
            continue
        age_s = (now - outbox.oldest).total_seconds()
        text = f"events of {outbox.subjects} subject(s) wait, the oldest for {ago(outbox.oldest, now)}"
        details = {"subjects": outbox.subjects, "oldest_s": round(age_s, 1)}
        late = age_s > _LATE_S
        yield Finding(
            "outbox", "warn" if late else "ok", outbox.collection, text, _SWEPT if late else "", details
        )


def check_sweeper(client: Any) -> Iterator[Finding]:
    """Whether any process sweeps."""
    with redis_away():
        alive = client.exists(TURN)
    if alive:
        yield Finding("sweeper", "ok", "sweep", "a worker sweeps")
    else:
        yield Finding("sweeper", "warn", "sweep", "no worker sweeps", "start a commands worker")


def check_ahead(reconcile: Reconcile) -> Iterator[Finding]:
    """Subjects whose stream is ahead of the store."""
    found = list(reconcile.find())
    if not found:
        yield Finding("stream_ahead", "ok", "events", "no subject's events are ahead of the store")
        return
    text = f"{len(found)} subject(s) have events that the store does not know: it was restored from a backup"
    advice = "run plugins events reconcile; until then their new events wait"
    shown = [{"subject": a.subject, "store": a.store, "stream": a.stream} for a in found[:_NAMED]]
    yield Finding("stream_ahead", "fail", "events", text, advice, {"count": len(found), "first": shown})


def check_behind(
    sources: Sequence[Subjects], publisher: Publisher, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Finding]:
    """Subjects whose stream lacks events that the store has; what is on its way just now does not count."""
    behind = [(source, late) for source in sources if (late := dict(_behind(source, publisher)))]
    if behind:
        sleep(1.0)
    names = sorted(n for source, late in behind for n in _still(source.event_type, late, publisher))
    if not names:
        yield Finding("stream_behind", "ok", "events", "no subject's events are behind the store")
        return
    text = f"{len(names)} subject(s) lack events that the store has: Redis lost them, or they wait"
    yield Finding(
        "stream_behind", "warn", "events", text, _SWEPT, {"count": len(names), "first": names[:_NAMED]}
    )


def _behind(source: Subjects, publisher: Publisher) -> Iterator[tuple[str, int]]:
    positions = source.revisions()
    while chunk := list(islice(positions, _CHUNK)):
        on_stream = publisher.positions(source.event_type, [position.name for position in chunk])
        for position, (last, _) in zip(chunk, on_stream, strict=True):
            if last < position.revision:
                yield position.name, position.revision


def _still(event_type: str, names: dict[str, int], publisher: Publisher) -> Iterator[str]:
    every = list(names.items())
    for start in range(0, len(every), _CHUNK):
        chunk = every[start : start + _CHUNK]
        on_stream = publisher.positions(event_type, [name for name, _ in chunk])
        yield from (n for (n, wanted), (last, _) in zip(chunk, on_stream, strict=True) if last < wanted)
