"""Applies a batch whose plugins are too large to be held together: some plugins after the other."""

from collections.abc import Iterable, Iterator, Sequence

from contracts.errors import InvalidParameter
from contracts.values import MAX_ANSWER_BYTES, MAX_CHANGED_BYTES
from worker.domain.command import Command, Lease
from worker.events.publish import Publisher
from worker.plugins.plan import Applied, Done, Outcome
from worker.plugins.write import Writer

_SLICE = 4
"""How many commands are applied together, unless more are for one plugin."""


class SlicedBatch:
    """The items of one batch, applied in slices of whole plugins. No plugin is in hand after its slice."""

    def __init__(self, writer: Writer, publisher: Publisher) -> None:
        self._writer = writer
        self._publisher = publisher

    def apply(self, items: Sequence[Command], lease: Lease) -> Applied:
        """Apply items that an earlier try may have begun to apply, and publish their events.

        After ``MAX_CHANGED_BYTES`` of changed plugins, the other items are refused: each change is an event
        with the whole plugin.

        Raises: what ``Writer.apply`` raises, and ``EventsUnavailable``: call again.
        """
        outcomes: dict[int, Outcome] = {}
        passed: set[str] = set()
        changed = kept = 0
        for slice_ in _slices(items):
            if changed > MAX_CHANGED_BYTES:
                outcomes.update(dict.fromkeys(slice_, _too_much()))
                continue
            applied = self._writer.apply([items[index] for index in slice_], lease, again=True)
            self._publisher.publish_many(applied.subjects)
            passed |= applied.passed
            for index, outcome in zip(slice_, applied.outcomes, strict=True):
                outcomes[index] = outcome
                if isinstance(outcome, Done):
                    changed += _weight(outcome.text)
                    kept += len(outcome.text)
                    outcomes[index] = _told(outcome, kept <= MAX_ANSWER_BYTES)
        return Applied([outcomes[index] for index in range(len(items))], [], frozenset(passed))


def _weight(text: str) -> int:
    """Return what a plugin takes to hold: objects and lists take more than their characters."""
    return len(text) + 16 * (text.count("{") + text.count("["))


def _told(done: Done, has_room: bool) -> Done:
    """Return an outcome with what the answer needs of it: the text, if it has room, and no large field."""
    nothing: dict[str, object] = {
        "capability": {},
        "labels": [],
        "registry_config": {},
        "tags": {},
        "template": {},
    }
    return Done(done.plugin.model_copy(update=nothing), done.text if has_room else "")


def _slices(items: Sequence[Command]) -> Iterator[list[int]]:
    """Yield the places of the items of each slice."""
    part: list[int] = []
    for places in _by_plugin(items):
        if part and len(part) + len(places) > _SLICE:
            yield part
            part = []
        part += places
    if part:
        yield part


def _by_plugin(items: Sequence[Command]) -> Iterable[list[int]]:
    places: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        places.setdefault(item.key, []).append(index)
    return places.values()


def _too_much() -> InvalidParameter:
    most = f"{MAX_CHANGED_BYTES // 2**20} MiB of plugins, counted once for each change"
    return InvalidParameter(
        f"a batch may change {most}: send this item in another one",
        details={"path": "commands", "reason": "too_large"},
    )
