"""Each target gets 20,000 inputs; `make fuzz` gives it a million."""

import pytest

from tests.fuzz.harness import TooCostly, fuzz
from tests.fuzz.run import Chunk, Report, chunks, run_chunk
from tests.fuzz.script import Script
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

INPUTS = 10_000
PARTS = 2
"""Parallel workers share the inputs of a target."""


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_read_or_refused(name: str, part: int) -> None:
    fuzz(TARGETS[name], INPUTS)


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


def test_a_fault_is_found() -> None:
    def use(value: int) -> None:
        assert value != 7

    with pytest.raises(AssertionError):
        fuzz(Target("faulty", _fails_at_a_seven, use), 5_000, 1)


def test_an_input_that_takes_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.harness.MOST_S", 0.02)

    def use(value: int) -> None:
        sum(range(5_000_000 if value == 7 else 0))

    with pytest.raises(TooCostly):
        fuzz(Target("slow", _fails_at_a_seven, use), 5_000, 1)


def test_memory_that_is_kept_is_found() -> None:
    kept: list[bytes] = []

    with pytest.raises(TooCostly):
        fuzz(
            Target("leaking", lambda script: script.number(256), lambda value: kept.append(b"x" * 2**20)),
            300,
            1,
        )
