"""The script that publishes: its text, its calls and their arguments."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

from contracts.events import SCHEMAS, STREAM
from worker.domain.events import Pending, Subject
from worker.events.limits import StreamLimits
from worker.lua import Argument, Call, Script

SCRIPT = Script.load(files(__package__), "ledger", "publish")

LEDGER = f"{STREAM}:bytes"
"""The Redis list that says how large the stream is."""

MAX_EVENTS = 500
"""How many events one call adds at most, but for those of one subject."""

MAX_SIZE = 4 * 1024 * 1024
"""How large the events of one call are at most, in bytes, but for those of one subject."""

Work = tuple[Subject, Sequence[Pending]]
"""A subject, and which of its events to publish."""


class PublishScript:
    """Makes calls of the script, one for many subjects.

    ``revisions``: the Redis hash of last revisions. ``source``: the CloudEvents source. ``limits``: how
    large the stream may be.
    """

    def __init__(self, revisions: str, source: str, limits: StreamLimits) -> None:
        self._keys = (STREAM, revisions, LEDGER)
        self._limits = limits
        self._addresses = (source, SCHEMAS)

    def call(self, work: Iterable[Work]) -> Call:
        """Return the call that publishes ``work``. Raises redis-py's errors."""
        limits = self._limits
        arguments = (limits.maxlen, limits.max_bytes(), *self._addresses, *_arguments(work))
        return Call(SCRIPT, self._keys, arguments)


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


def _arguments(work: Iterable[Work]) -> list[Argument]:
    # Few: packing an argument costs as much as some hundred characters of it.
    arguments: list[Argument] = []
    for subject, pending in work:
        arguments.append(f"{subject.revision} {len(pending)} {subject.type} {subject.name}")
        for event in pending:
            gap = 1 if event.gap else 0
            head = f"{event.revision} {gap} {event.digest} {event.time} {event.traceparent or ''}"
            arguments += [head, event.data]
    return arguments
