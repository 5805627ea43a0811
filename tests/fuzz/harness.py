"""Gives a target its inputs, and looks at what each costs."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.script import Script
from tests.fuzz.target import Target

MOST_S = 1.0
"""The most processor time of one input, in seconds."""

MOST_MB = 200.0
"""The most memory that may come to the process, in MB."""

_LONGEST = 200
_LOOK_EVERY = 250
_TRIES = 300


class TooCostly(Exception):
    """Raised when an input takes too much time or memory."""


class _Meter:
    """Uses the inputs of a target. `slowest_s`: the processor time of the slowest one."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._before = _resident_mb()
        self._grown = 0.0
        self._inputs = 0
        self.slowest_s = 0.0

    def use(self, data: bytes) -> None:
        """Use the input that some bytes make. Raises what the target raises, and `TooCostly`."""
        made = self._target.make(Script(data))
        begun = time.thread_time()
        self._target.use(made)
        spent = time.thread_time() - begun
        self.slowest_s = max(self.slowest_s, spent)
        self._inputs += 1
        if spent > MOST_S:
            raise TooCostly(f"{self._target.name} took {spent:.1f} s for one input")
        if self._inputs % _LOOK_EVERY == 0:
            self._grown = max(self._grown, _resident_mb() - self._before)

    def check_memory(self) -> None:
        """Raise `TooCostly` if too much came to the process: it comes of many inputs, and no one is at fault."""
        if self._grown > MOST_MB:
            raise TooCostly(f"{self._target.name} has {self._grown:.0f} MB more than before")


def fuzz(target: Target, count: int) -> None:
    """Give `target` `count` inputs of Hypothesis, by pytest's `--hypothesis-seed`; it makes one at fault simpler.

    It takes a millisecond for each. Raises what the target raises, and `TooCostly`.
    """
    meter = _Meter(target)

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.binary(min_size=24, max_size=_LONGEST))
    def use(data: bytes) -> None:
        meter.use(data)

    use()
    meter.check_memory()


def fuzz_fast(target: Target, count: int, number: int) -> float:
    """Give `target` `count` inputs of random bytes; return the processor time of the slowest, in seconds.

    `number`: the same one makes the same inputs. Raises what the target raises, and `TooCostly`; a note has the
    bytes of the input, cut as far as they are still at fault.
    """
    meter, random = _Meter(target), Random(f"{target.name} {number}")
    for _ in range(count):
        data = random.randbytes(random.randint(1, _LONGEST))
        try:
            meter.use(data)
        except BaseException as fault:
            fewest = cut(data, partial(_fails, meter, type(fault)))
            fault.add_note(f"input: bytes.fromhex('{fewest.hex()}')")
            raise
    meter.check_memory()
    return meter.slowest_s


def cut(data: bytes, is_at_fault: Callable[[bytes], bool]) -> bytes:
    """Return as few of some bytes as are still at fault, by leaving out smaller and smaller pieces."""
    tries = _TRIES
    piece = len(data)
    while piece:
        at = 0
        while at < len(data) and tries:
            fewer = data[:at] + data[at + piece :]
            tries -= 1
            if is_at_fault(fewer):
                data = fewer
            else:
                at += piece
        piece //= 2
    return data


def _fails(meter: _Meter, kind: type[BaseException], data: bytes) -> bool:
    try:
        meter.use(data)
    except kind:
        return True
    except Exception:
        return False
    return False


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
