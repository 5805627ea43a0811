"""Measures the service beside its ceilings, in one run, on servers of its own."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.case import Case, Plan, Record, Say
from tests.bench.cases import CASES
from tests.bench.machine import describe_commit, describe_machine
from tests.bench.publish import Unpublishable, publish
from tests.bench.report import FORMAT, case_report, terminal_table
from tests.bench.servers import Servers

_EXAMPLES = """\
examples:
  python -m tests.bench.run --rounds 3 --only single --only batched
  python -m tests.bench.run --quick --json > quick.json
"""

Open = Callable[[Path], AbstractContextManager[Servers]]


def run_case(case: Case, plan: Plan, folder: Path, say: Say, open_servers: Open) -> dict[str, Any]:
    """Run one case on servers of its own, and return it as JSON; one that fails has its error there."""
    say(f"{case.name}: {case.title}")
    record, begun, failed = Record(case.name, case.units, say), time.monotonic(), None
    try:
        with open_servers(folder / case.name) as servers:
            case.run(servers, plan, record)
    except Exception as error:  # whatever it is, the other cases go on
        failed = f"{type(error).__name__}: {error}"
        say(f"  FAILED: {failed}")
    return case_report(case, record, time.monotonic() - begun, failed)


def run(
    cases: Sequence[Case], plan: Plan, output: Path, say: Say, open_servers: Open = Servers
) -> dict[str, Any]:
    """Run the cases, and return the report; ``output`` has what is known so far, behind each case."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with open_servers(Path(folder) / "versions") as servers:
            machine = describe_machine(servers.versions)
        report: dict[str, Any] = {
            "format": FORMAT,
            **describe_commit(),
            "begun": datetime.now(UTC).isoformat(timespec="seconds"),
            **vars(plan),
            "machine": machine,
            "missing": [case.name for case in CASES if case.name not in {each.name for each in cases}],
            "cases": {},
        }
        if machine["load_before"] > 0.5:
            say(f"The machine is busy with something else: its load is {machine['load_before']}")
        for case in cases:
            report["cases"][case.name] = run_case(case, plan, Path(folder), say, open_servers)
            output.write_text(json.dumps(report, indent=1) + "\n")
    return report


def parse_arguments(arguments: Sequence[str] | None, names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.run",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="how often each way has its turn, default 5"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="CASE",
        help=f"one of {', '.join(names)}; may be given again",
    )
    parser.add_argument("--quick", action="store_true", help="little of everything: to see that it works")
    parser.add_argument("--full", action="store_true", help="also lists of 1,000,000 plugins")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("bench.json"),
        metavar="FILE",
        help="where the JSON goes, default bench.json",
    )
    parser.add_argument("--json", action="store_true", help="print the JSON instead of the table")
    parser.add_argument(
        "--publish", action="store_true", help="write tables and curves into docs/performance.md"
    )
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return given


def main(
    arguments: Sequence[str] | None = None, cases: Sequence[Case] = CASES, open_servers: Open = Servers
) -> int:
    """Be the command line, and return the exit status: 1 if a case failed, or nothing could be published."""
    given = parse_arguments(arguments, [case.name for case in cases])
    chosen = [case for case in cases if given.only is None or case.name in given.only]
    plan = Plan(given.rounds, given.quick, given.full)
    report = run(chosen, plan, given.output, _say, open_servers)
    _print(json.dumps(report, indent=1) + "\n" if given.json else terminal_table(report))
    failed = any(case["error"] for case in report["cases"].values())
    if given.publish:
        try:
            publish(report)
        except Unpublishable as error:
            _say(f"docs/performance.md stays as it is: {error}")
            failed = True
    return int(failed)


def _say(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # progress is for a person


def _print(text: str) -> None:
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(main())
