"""Gives every target a million inputs, on several processes."""

import argparse
import multiprocessing
import os
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.fuzz.harness import fuzz_fast
from tests.fuzz.targets import TARGETS

CHUNK = 20_000
"""How many inputs a process gives a target before it ends, so that what one kept harms no other."""

_EXAMPLES = """\
examples:
  make fuzz ARGS='--only contracts --only queries --count 100000'
  make fuzz ARGS='--only decoder --first 17 --count 20000'     the inputs of chunk 17 again
"""


@dataclass(frozen=True)
class Chunk:
    """Inputs of one target; `number` is their seed."""

    target: str
    number: int
    count: int


class Ran(NamedTuple):
    """What came of a chunk: its processor time and that of its slowest input, and the traceback of a fault."""

    chunk: Chunk
    seconds: float
    slowest_s: float
    fault: str


@dataclass
class Report:
    """What is known so far, by target."""

    inputs: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    slowest_s: dict[str, float] = field(default_factory=dict)

    def add(self, ran: Ran) -> None:
        name = ran.chunk.target
        self.inputs[name] += ran.chunk.count
        self.faults[name] += bool(ran.fault)
        self.seconds[name] = ran.seconds + self.seconds.get(name, 0.0)
        self.slowest_s[name] = max(ran.slowest_s, self.slowest_s.get(name, 0.0))

    def lines(self) -> list[str]:
        return [f"{'target':16} {'inputs':>11} {'faults':>7} {'slowest':>10} {'a second':>9}"] + [
            f"{name:16} {count:11,} {self.faults[name]:7} {self.slowest_s[name]:8.3f} s"
            f" {count / max(self.seconds[name], 0.001):9,.0f}"
            for name, count in sorted(self.inputs.items())
        ]


def chunks(names: Sequence[str], count: int, first: int) -> list[Chunk]:
    """Return the chunks of a run: all targets get on alike."""
    sizes = [min(CHUNK, count - begun) for begun in range(0, count, CHUNK)]
    return [Chunk(name, first + number, size) for number, size in enumerate(sizes) for name in names]


def run_chunk(chunk: Chunk) -> Ran:
    """Run a chunk in this process."""
    begun, slowest, fault = time.process_time(), 0.0, ""
    try:
        slowest = fuzz_fast(TARGETS[chunk.target], chunk.count, chunk.number)
    except BaseException:  # whatever it is, the other chunks go on
        fault = traceback.format_exc(limit=-8)
    return Ran(chunk, time.process_time() - begun, slowest, fault)


def run(work: Sequence[Chunk], processes: int) -> Report:
    """Run chunks on so many processes at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.fuzz.run"])
    report, begun = Report(), time.monotonic()
    with ProcessPoolExecutor(processes, context, max_tasks_per_child=1) as pool:
        running: list[Future[Ran]] = [pool.submit(run_chunk, chunk) for chunk in work]
        for done in as_completed(running):
            ran = done.result()
            report.add(ran)
            name, number = ran.chunk.target, ran.chunk.number
            so_far = f"{time.monotonic() - begun:7.0f} s  {name} {report.inputs[name]:,}"
            _say(f"{so_far}  FAULT in chunk {number}\n{ran.fault}" if ran.fault else so_far)
    return report


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make fuzz", description=__doc__, epilog=_EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--only", action="append", choices=TARGETS, help="this target (may be given several times)"
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs of each target (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first chunk (%(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="(%(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be the command line, and return the exit status: 1 if there was a fault."""
    given = parse_arguments(arguments)
    report = run(chunks(given.only or list(TARGETS), given.count, given.first), given.processes)
    _say("\n".join(report.lines()))
    return int(report.faults.total() > 0)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # for a person
