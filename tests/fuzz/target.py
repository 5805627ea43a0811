"""What is fuzzed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.fuzz.script import Script


@dataclass(frozen=True)
class Target:
    """`make` makes an input, `use` reads it. `use` raises nothing but for a fault: it expects every refusal."""

    name: str
    make: Callable[[Script], Any]
    use: Callable[[Any], None]
