"""Gives a target its inputs, and looks at what each costs."""

import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.script import Script
from tests.fuzz.target import Target

MOST_S = 1.0
"""The most processor time of one input, in seconds."""

MOST_MB = 200.0
"""The most memory that may come to the process, in MB."""

_LOOK_EVERY = 250


class TooCostly(Exception):
    """Raised when an input takes too much time or memory."""


def fuzz(target: Target, count: int, number: int | None = None) -> float:
    """Give `target` `count` inputs; return the processor time of the slowest, in seconds.

    `number`: the same one makes the same inputs; None leaves them to pytest's `--hypothesis-seed`. Raises what the
    target raises, and `TooCostly`.
    """
    slowest, grown, inputs, before = [0.0], [0.0], [0], _resident_mb()

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.binary(min_size=24, max_size=200))
    def use(data: bytes) -> None:
        made = target.make(Script(data))
        begun = time.thread_time()
        target.use(made)
        spent = time.thread_time() - begun
        slowest[0] = max(slowest[0], spent)
        inputs[0] += 1
        if spent > MOST_S:
            raise TooCostly(f"{target.name} took {spent:.1f} s for one input")
        if inputs[0] % _LOOK_EVERY == 0:
            grown[0] = max(grown[0], _resident_mb() - before)

    (use if number is None else seed(number)(use))()
    # Hypothesis would give one input again to show that it is at fault: memory comes of many.
    if grown[0] > MOST_MB:
        raise TooCostly(f"{target.name} has {grown[0]:.0f} MB more than before")
    return slowest[0]


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
