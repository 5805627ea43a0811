"""Messages that are parked in Redis, and their way out of it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from redis import Redis

from worker.lua import Call
from worker.transport import scripts
from worker.transport.keys import poison_key

_BYTES_AT_ONCE = 4 * 1024 * 1024
_DIGEST = re.compile(rb"[0-9a-f]{40}")
# What another hand has written there must still be storable.
_LONGEST_REASON = 255
_LARGEST_NUMBER = 2**53


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """One message that is parked in Redis.

    ``id``: the same every time the element is read, so that a sink can store it once.
    ``reason``, ``detail``: why it was parked.
    ``deaths``: how many processes ended while they were applying it.
    ``raw``: the element as it was on its list, or its beginning.
    ``size``: the bytes of the whole element. ``digest``: if ``raw`` is its beginning, see ``cut.py``.
    """

    id: str
    queue: str
    reason: str
    detail: str
    parked_at: datetime
    deaths: int
    raw: bytes = field(repr=False)
    size: int
    digest: str | None = None


Sink = Callable[[Sequence[ParkedMessage]], object]


def drain_parked_messages(client: "Redis", queue: str, sink: Sink, limit: int = 500) -> int:
    """Pass up to ``limit`` parked messages of ``queue`` to ``sink``, oldest first, and return their number.

    Fewer if they are large: together they have at most 4 MiB, or there is one. They leave Redis after
    ``sink`` has returned, so several processes may drain at once. Each may then get messages that another one
    has stored: the sink must store by ``id``. If the sink raises, they stay.

    ``client``: must not decode responses.
    """
    key = poison_key(queue)
    found = scripts.run_script(client, Call(scripts.PEEK_PARKED, [key], [limit, _BYTES_AT_ONCE]))
    if found:
        sink([_read(queue, *found[at + 1 : at + 4]) for at in range(0, len(found), 4)])
        names = [name or element for name, element in zip(found[::4], found[3::4], strict=True)]
        scripts.run_script(client, Call(scripts.FORGET_PARKED, [key], names))
    return len(found) // 4


def _read(queue: str, size: bytes, digest: bytes, element: bytes) -> ParkedMessage:
    """Return the message of an element of the list.

    ``size``, ``digest``: if Redis has more of the message than ``element``: one that was parked whole.
    """
    whole, known = int(size or len(element)), digest.decode() or None
    identity = sha256(queue.encode() + b"\n" + element).hexdigest()
    try:
        reason, stamp, deaths, detail, raw = element.split(b"\n", 4)
        told = reason[:_LONGEST_REASON].decode("utf-8", "replace")
        if not told.isprintable():
            raise ValueError(told)
        at, *rest = stamp.split()
        its_size, its_digest = (whole, known) if known else _cut_off(raw, rest)
        return ParkedMessage(
            id=identity,
            queue=queue,
            reason=told,
            detail=detail.decode("utf-8", "replace"),
            parked_at=datetime.fromtimestamp(int(at) / 1000, UTC),
            deaths=min(int(deaths), _LARGEST_NUMBER),
            raw=raw,
            size=its_size,
            digest=its_digest,
        )
    except (ValueError, IndexError, OverflowError, OSError):
        # The scripts did not write it. It must not block those that they wrote.
        now = datetime.now(UTC)
        return ParkedMessage(identity, queue, "foreign_element", "", now, 0, element, whole, known)


def _cut_off(raw: bytes, rest: Sequence[bytes]) -> tuple[int, str | None]:
    """Return the size and the digest of a message that was cut when it was parked.

    ``rest``: what the second line has behind the time: the parking's own mark, then size and digest.
    """
    if len(rest) != 3 or not _DIGEST.fullmatch(rest[2]):
        return len(raw), None
    return min(int(rest[1]), _LARGEST_NUMBER), rest[2].decode()
