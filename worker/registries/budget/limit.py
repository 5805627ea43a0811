"""How much may be asked of a registry."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """``rate`` in requests a second, evenly spaced; ``at_once`` images being read at the same time."""

    rate: float
    at_once: int
