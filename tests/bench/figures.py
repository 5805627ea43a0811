"""Medians, spreads and percentiles of what was measured."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, and the lowest and the highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        return cls(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` (above 0, at most 1) of the values do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def shown(value: float) -> str:
    """Return a figure with three digits that say something, at least: 0.0123, 1.23, 12.3, 12,345."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{value:.{min(digits, 4)}f}"
