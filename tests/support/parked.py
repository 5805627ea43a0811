"""Parked messages as the transport hands them out."""

from dataclasses import dataclass
from datetime import UTC, datetime

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@dataclass(frozen=True)
class Parked:
    """A parked message; `digest` if `raw` is only the beginning of one with `size` bytes."""

    id: str
    raw: bytes
    queue: str = "plugin.commands"
    reason: str = "deaths"
    detail: str = ""
    parked_at: datetime = AT
    deaths: int = 5
    cut_from: int | None = None
    digest: str | None = None

    @property
    def size(self) -> int:
        return len(self.raw) if self.cut_from is None else self.cut_from
