"""Each target gets 20,000 inputs; `make fuzz` gives it a million others.

`SEED=n` repeats those of random bytes, and pytest's `--hypothesis-seed` those of Hypothesis.
"""

import os
import random

import pytest

from tests.fuzz.harness import TooCostly, cut, fuzz, fuzz_fast
from tests.fuzz.run import Chunk, Report, chunks, run_chunk
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

FAST = 18_000
SLOW = 2_000
"""Hypothesis takes ten times as long for an input, and makes one at fault simpler."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_read_or_refused(name: str) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    try:
        fuzz_fast(TARGETS[name], FAST, seed)
    except BaseException as fault:
        fault.add_note(f"SEED={seed} repeats it")
        raise
    fuzz(TARGETS[name], SLOW)


def test_a_run_tells_of_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    def use(value: int) -> None:
        assert value != 7, "seven"

    monkeypatch.setitem(TARGETS, "faulty", Target("faulty", _fails_at_a_seven, use))
    assert [len(chunks([name], 50_000, 3)) for name in ("decoder", "faulty")] == [3, 3]
    report = Report()
    for chunk in (Chunk("faulty", 1, 2_000), Chunk("decoder", 1, 100)):
        report.add(ran := run_chunk(chunk))
        assert ("seven" in ran.fault) == (chunk.target == "faulty")
    assert (report.faults["faulty"], report.faults["decoder"]) == (1, 0)
    assert "2,000" in report.lines()[2]


def _fails_at_a_seven(script: Script) -> int:
    return script.number(256)


def _not_seven(value: int) -> None:
    assert value != 7


def _slow_at_seven(value: int) -> None:
    sum(range(5_000_000 if value == 7 else 0))


def test_a_fault_is_found() -> None:
    target = Target("faulty", _fails_at_a_seven, _not_seven)
    with pytest.raises(AssertionError):
        fuzz(target, 5_000)
    with pytest.raises(AssertionError) as caught:
        fuzz_fast(target, 5_000, 1)
    assert caught.value.__notes__ == ["input: bytes.fromhex('07')"]


def test_an_input_that_takes_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.harness.MOST_S", 0.02)
    target = Target("slow", _fails_at_a_seven, _slow_at_seven)
    with pytest.raises(TooCostly):
        fuzz(target, 5_000)
    with pytest.raises(TooCostly):
        fuzz_fast(target, 5_000, 1)


def test_memory_that_is_kept_is_found() -> None:
    kept: list[bytes] = []
    target = Target("leaking", _fails_at_a_seven, lambda value: kept.append(b"x" * 2**20))
    with pytest.raises(TooCostly):
        fuzz(target, 300)
    kept.clear()
    with pytest.raises(TooCostly):
        fuzz_fast(target, 600, 1)


def test_a_chunk_is_the_same_each_time_and_no_other_is() -> None:
    def inputs(number: int) -> list[int]:
        made: list[int] = []
        fuzz_fast(Target("noted", lambda script: script.number(2**16), made.append), 50, number)
        return made

    assert inputs(1) == inputs(1) != inputs(2)


def test_an_input_at_fault_is_cut() -> None:
    assert cut(bytes(range(100)), lambda data: 7 in data and 70 in data) == bytes([7, 70])
    assert cut(b"abc", lambda data: data == b"abc") == b"abc"
