"""The subjects of one kind of event, as the sweep and the reconciliation need them of the store."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from worker.domain.events import Position, Subject


@dataclass(frozen=True, slots=True)
class History:
    """The store's view of a subject: its revision, and the digests of its unpublished events by revision."""

    revision: int
    digests: Mapping[int, str]


class Subjects(Protocol):
    """A collection of subjects with outboxes, such as the plugins or the images.

    ``event_type``: the type of their events. ``needs_last_event``: whether ``reserve_revision`` makes use of
    ``last_event``.
    """

    event_type: str
    needs_last_event: bool

    def pending(self, before: datetime) -> Iterator[Position]:
        """Yield the subjects whose oldest unpublished event is older than ``before``, oldest first."""

    def revisions(self) -> Iterator[Position]:
        """Yield every subject that has a revision, in the order of names."""

    def histories(self, names: Iterable[str]) -> dict[str, History]:
        """Return the histories of those of ``names`` that the store knows."""

    def load(self, names: Iterable[str], now: datetime) -> list[Subject]:
        """Return the subjects of ``names`` as they are now."""

    def clear(self, published: dict[str, int]) -> None:
        """Empty the outboxes of the subjects that are still at the revision given for them."""

    def raise_revision(self, name: str, above: int, now: datetime) -> int | None:
        """Give a subject a revision higher than ``above``, and one event that carries its present state in
        place of its unpublished events.

        Returns the revision, or None if the subject has changed meanwhile: read it again.
        """

    def reserve_revision(
        self, name: str, revision: int, last_event: Mapping[str, Any] | None, now: datetime
    ) -> bool:
        """Store a placeholder at ``revision`` for a subject that the store does not have, so that it goes on
        above that.

        ``last_event``: the data of the subject's last event, if there is one.

        Returns False if the subject has changed meanwhile: read it again.
        """
