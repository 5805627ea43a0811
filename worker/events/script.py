"""The script that publishes: its text, its calls and their arguments."""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from contracts.events import SCHEMAS, STREAM
from worker.domain.events import Pending, Subject
from worker.events.limits import StreamLimits

TEXT = "".join(files("worker.events").joinpath(name).read_text() for name in ("ledger.lua", "publish.lua"))

LEDGER = f"{STREAM}:bytes"
"""The Redis list that says how large the stream is."""

MAX_EVENTS = 500
"""How many events one call adds at most, but for those of one subject."""

MAX_SIZE = 4 * 1024 * 1024
"""How large the events of one call are at most, in bytes, but for those of one subject."""

Work = tuple[Subject, Sequence[Pending]]
"""A subject, and which of its events to publish."""


class PublishScript:
    """Calls the script, once for many subjects.

    ``revisions``: the Redis hash of last revisions. ``source``: the CloudEvents source. ``limits``: how
    large the stream may be.
    """

    def __init__(self, revisions: str, source: str, limits: StreamLimits) -> None:
        self._digest = sha1(TEXT.encode(), usedforsecurity=False).hexdigest()
        self._keys = (3, STREAM, revisions, LEDGER)
        self._limits = limits
        self._addresses = (source, SCHEMAS)

    def queue(self, pipe: Any, call: Iterable[Work]) -> None:
        """Add a call to a pipeline; its reply is a ``NoScriptError`` if Redis does not have the script."""
        # redis-py's own Script asks first, in a round trip of its own, whether Redis has it.
        pipe.evalsha(self._digest, *self._arguments(call))

    def run(self, client: Any, call: Iterable[Work]) -> list[Any]:
        """Make a call at once, whether or not Redis has the script, and return its reply."""
        reply: list[Any] = client.eval(TEXT, *self._arguments(call))
        return reply

    def _arguments(self, call: Iterable[Work]) -> tuple[str | int, ...]:
        limits = self._limits
        return (*self._keys, limits.maxlen, limits.max_bytes(), *self._addresses, *_arguments(call))


def publish_calls(work: Iterable[Work]) -> Iterator[list[Work]]:
    """Yield the work of each call."""
    call: list[Work] = []
    count = size = 0
    for subject, pending in work:
        more, larger = max(1, len(pending)), sum([event.size for event in pending])
        if call and (count + more > MAX_EVENTS or size + larger > MAX_SIZE):
            yield call
            call, count, size = [], 0, 0
        call.append((subject, pending))
        count += more
        size += larger
    if call:
        yield call


def _arguments(call: Iterable[Work]) -> list[str]:
    # Few: packing an argument costs as much as some hundred characters of it.
    arguments: list[str] = []
    for subject, pending in call:
        arguments.append(f"{subject.revision} {len(pending)} {subject.type} {subject.name}")
        for event in pending:
            gap = 1 if event.gap else 0
            head = f"{event.revision} {gap} {event.digest} {event.time} {event.traceparent or ''}"
            arguments += [head, event.data]
    return arguments
