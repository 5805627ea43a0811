"""The events: outboxes, the sweeper, and a stream that is ahead of the store or behind it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from redis.exceptions import NoPermissionError

from contracts._redis.outage import translate_outage
from contracts.events import STREAM
from worker.cli.operate.doctor.finding import Finding, ago
from worker.domain.subjects import Subjects
from worker.events.memory import Memory
from worker.events.publish import Publisher
from worker.events.script import LEDGER
from worker.events.sweeper import TURN
from worker.events.unavailable import EVENTS_AWAY, EventsUnavailable
from worker.services import Services
from worker.store.inspect import outboxes

_LATE_S = 30.0
_NAMED = 10
_CHUNK = 1000
_SETTLE_S = 1.0
_PUBLISHED_BY = "a commands worker publishes them; check that one runs, and its log"


def inspect_outboxes(services: Services) -> Iterator[Finding]:
    """Find unpublished events, by how long the oldest waits."""
    now = datetime.now(UTC)
    for outbox in outboxes(services.database):
        if outbox.oldest is None:
            yield Finding("outbox", "ok", outbox.collection, "no event waits")
            continue
        age_s = (now - outbox.oldest).total_seconds()
        text = f"events of {outbox.subjects} subject(s) wait, the oldest for {ago(outbox.oldest, now)}"
        details = {"subjects": outbox.subjects, "oldest_s": round(age_s, 1)}
        if age_s > _LATE_S:
            yield Finding("outbox", "warn", outbox.collection, text, _PUBLISHED_BY, details)
        else:
            yield Finding("outbox", "ok", outbox.collection, text, details=details)


def inspect_sweeper(services: Services) -> Iterator[Finding]:
    """Tell whether the event sweeper of any worker runs."""
    with translate_outage(EventsUnavailable, EVENTS_AWAY):
        runs = services.redis.exists(TURN)
    if runs:
        yield Finding("sweeper", "ok", "sweep", "event sweeper running")
        return
    text, advice = "event sweeper not running", "start a commands worker"
    if _has_no_room(services.redis):
        text = f"{text}: the Redis of the events is full, and refuses its turn"
        advice = "make room in it: see what fills it above"
    yield Finding("sweeper", "warn", "sweep", text, advice)


def _has_no_room(client: Any) -> bool:
    with translate_outage(EventsUnavailable, EVENTS_AWAY):
        try:
            return Memory.of(client.info("memory")).is_full
        except NoPermissionError:
            return False


def inspect_groups(services: Services) -> Iterator[Finding]:
    """Find groups of subscribers that have not read what was trimmed last: they do not get it."""
    with translate_outage(EventsUnavailable, EVENTS_AWAY):
        try:
            groups = _groups(services.redis)
        except NoPermissionError:
            advice = "give XINFO GROUPS, XRANGE, XLEN and LINDEX on plugin.events*, for the user `operator`"
            yield Finding("subscribers", "warn", "subscribers", "no right to look at their groups", advice)
            return
    late = [name for name, is_late in groups.items() if is_late]
    if not late:
        yield Finding("subscribers", "ok", "subscribers", f"{len(groups)} group(s) of subscribers")
    for name in late:
        text = "the stream was trimmed up to where it reads, or further: it misses events"
        advice = (
            "read faster, or raise PLUGINS_EVENTS_MAX_BYTES; if nobody reads, XGROUP DESTROY plugin.events"
        )
        yield Finding("subscribers", "warn", name, text, advice)


def _groups(client: Any) -> dict[str, bool]:
    """Return the groups, and whether something was trimmed and nothing that is left was delivered."""
    first, length = client.xrange(STREAM, count=1), client.xlen(STREAM)
    if not first:
        return {}
    added = int((client.lindex(LEDGER, -1) or b"0").split()[0])
    groups = {each["name"].decode(): each["last-delivered-id"] for each in client.xinfo_groups(STREAM)}
    return {name: added > length and _place(last) < _place(first[0][0]) for name, last in groups.items()}


def _place(entry_id: bytes) -> list[int]:
    return [int(number) for number in entry_id.split(b"-")]


def inspect_ahead(services: Services) -> Iterator[Finding]:
    """Find subjects whose events have a higher revision than the store."""
    found = list(services.reconcile().find())
    if not found:
        yield Finding("stream_ahead", "ok", "events", "no subject's events are ahead of the store")
        return
    text = f"{len(found)} subject(s) have events that the store does not know: it was restored from a backup"
    advice = "run plugins events reconcile; until then their new events wait"
    shown = [{"subject": a.subject, "store": a.store, "stream": a.stream} for a in found[:_NAMED]]
    yield Finding("stream_ahead", "fail", "events", text, advice, {"count": len(found), "first": shown})


def inspect_behind(services: Services) -> Iterator[Finding]:
    """Find subjects whose stream lacks events that the store has, but for events on their way just now."""
    sources: list[Subjects] = [services.plugins, services.image_store.images]
    publisher = services.publisher
    behind = [(source, late) for source in sources if (late := dict(_behind(source, publisher)))]
    if behind:
        time.sleep(_SETTLE_S)
    names = sorted(n for source, late in behind for n in _still(source.event_type, late, publisher))
    if not names:
        yield Finding("stream_behind", "ok", "events", "no subject's events are behind the store")
        return
    text = f"{len(names)} subject(s) lack events that the store has: Redis lost them, or they wait"
    details = {"count": len(names), "first": names[:_NAMED]}
    yield Finding("stream_behind", "warn", "events", text, _PUBLISHED_BY, details)


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
