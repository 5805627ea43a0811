"""The memory of a Redis: how much of it is used, and by what."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import redis

from contracts.events import REJECTIONS, STREAM
from worker.cli.operate.doctor.finding import Finding, Level, Server
from worker.events.memory import Memory
from worker.events.positions import LAST_REVISIONS
from worker.events.script import LEDGER
from worker.process.partitions import Partitions
from worker.process.queues import keys_of

_WARN: Final = 0.6
_FAIL: Final = 0.8
_MORE: Final = "give it more memory: once it is full, it refuses what adds to it, and commands wait"
_MORE_NOW: Final = "give it more memory: it is full, refuses what adds to it, and commands wait"
_FEW: Final = 10_000
"""Streams of fewer entries are measured entry by entry: a sample of some is spoiled by one large entry."""

_OTHERS: Final = "answers and other keys"
_OTHERS_ADVICE: Final = "answers go within an hour; look for keys of others (redis-cli --memkeys)"


@dataclass(frozen=True, slots=True)
class Holding:
    """Keys that are told of together. ``advice``: what makes them smaller."""

    what: str
    keys: tuple[str, ...]
    advice: str


def inspect_memory(
    client: Any, info: dict[str, Any], uses: Collection[Server], subject: str
) -> Iterator[Finding]:
    """Find a Redis that is nearly full, and what fills it.

    ``client``: a redis-py client. ``info``: what INFO says.

    Raises: redis-py's errors, ``BrokerUnavailable``.
    """
    found, memory = "redis_memory", Memory.of(info)
    if not memory.limit:
        text = f"{_amount(memory.used)} are used; it has no maxmemory"
        advice = "set maxmemory: a Redis that takes all of the machine is ended by it"
        yield Finding(found, "ok", subject, text, advice, {"used": memory.used})
        return
    level: Level = "fail" if memory.share >= _FAIL else "warn" if memory.share >= _WARN else "ok"
    text = f"{_amount(memory.used)} of {_amount(memory.limit)} are used ({memory.share:.0%})"
    details: dict[str, Any] = memory._asdict()
    if level == "ok":
        yield Finding(found, level, subject, text, details=details)
        return
    largest, advice, by = _largest(client, info, _holdings(client, uses))
    more = _MORE_NOW if memory.is_full else _MORE
    yield Finding(found, level, subject, f"{text}, {largest}", f"{advice}; or {more}", details | {"by": by})


def _largest(
    client: Any, info: dict[str, Any], holdings: Collection[Holding]
) -> tuple[str, str, dict[str, int]]:
    """Return what has the most, what to do about it, and what each has: bytes, or elements without the right
    to ask for bytes.
    """
    advice = {holding.what: holding.advice for holding in holdings} | {_OTHERS: _OTHERS_ADVICE}
    try:
        sizes = {holding.what: sum(_bytes(client, key) for key in holding.keys) for holding in holdings}
    except redis.ResponseError:
        counts = {holding.what: sum(_length(client, key) for key in holding.keys) for holding in holdings}
        what = max(counts, key=lambda each: counts[each], default=_OTHERS)
        text = f"no right to MEMORY USAGE; the most elements: {what}, {counts.get(what, 0)}"
        return text, f"give MEMORY USAGE, for the user `operator`; {advice[what]}", counts
    sizes[_OTHERS] = max(0, int(info.get("used_memory_dataset", 0)) - sum(sizes.values()))
    what = max(sizes, key=lambda each: sizes[each])
    return f"the most by {what}: {_amount(sizes[what])}", advice[what], sizes


def _bytes(client: Any, key: str) -> int:
    if key == STREAM and (size := _told_by_ledger(client)):
        return size
    samples = 0 if key in (STREAM, REJECTIONS) and _is_short(client, key) else None
    return int(client.memory_usage(key, samples=samples) or 0)


def _told_by_ledger(client: Any) -> int:
    """Return how large the stream is as its publishers count it; 0 if they do not tell."""
    try:
        marks = [client.lindex(LEDGER, place) for place in (0, -1)]
        first, last = (int(mark.split()[1]) for mark in marks if mark)
    except (redis.ResponseError, ValueError, IndexError):
        return 0
    return last - first


def _is_short(client: Any, stream: str) -> bool:
    try:
        return int(client.xlen(stream)) < _FEW
    except redis.ResponseError:
        # The user of an older file of ACLs may not ask.
        return False


def _length(client: Any, key: str) -> int:
    kind = client.type(key)
    lengths = {b"list": client.llen, b"hash": client.hlen, b"stream": client.xlen}
    return int(lengths[kind](key)) if kind in lengths else 0


def _holdings(client: Any, uses: Collection[Server]) -> list[Holding]:
    holdings: list[Holding] = []
    if "broker" in uses:
        queues = keys_of(Partitions(client).number() or 1)
        for queue in queues:
            advice = f"see how the workers of {queue.queue} are, and who sends so much"
            holdings.append(Holding(f"messages that wait on {queue.queue}", queue.lists, advice))
        in_hand = tuple(queue.unacked for queue in queues)
        parked = tuple(queue.poison for queue in queues)
        holdings += [
            Holding(
                "messages in the hands of workers",
                in_hand,
                "see the logs of the workers: what do they wait for?",
            ),
            Holding("parked messages", parked, "start a commands worker, or run plugins dead-letters drain"),
        ]
    if "events" in uses:
        holdings += [
            Holding(f"events ({STREAM})", (STREAM,), "lower PLUGINS_EVENTS_MAX_BYTES"),
            Holding(f"refusals ({REJECTIONS})", (REJECTIONS,), f"trim it: XTRIM {REJECTIONS} MAXLEN 1000"),
            Holding(
                f"positions ({LAST_REVISIONS})", (LAST_REVISIONS,), "it grows with the number of plugins"
            ),
        ]
    return holdings


def _amount(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
