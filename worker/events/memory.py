"""The memory of a Redis, as its INFO tells."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self


class Memory(NamedTuple):
    """How many bytes of its memory a Redis uses. ``limit``: its ``maxmemory``; 0 for none."""

    used: int
    limit: int

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Self:
        """Return what INFO says."""
        return cls(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))

    @property
    def share(self) -> float:
        """How much of the limit is used; 0 without one."""
        return self.used / self.limit if self.limit else 0.0

    @property
    def is_full(self) -> bool:
        """Whether so much is used that it reads as 100 %: Redis refuses what adds to it."""
        return round(self.share, 2) >= 1
