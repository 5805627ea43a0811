"""What a run has found: as JSON, as a table for the terminal, as tables for a page."""

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.case import Case, Record
from tests.bench.figures import Spread, shown

FORMAT = 1
"""The form of the JSON: another number if a reader of this one could not read it."""
_WIDTH = 110


def case_report(case: Case, record: Record, seconds: float, error: str | None) -> dict[str, Any]:
    """Return one case as JSON. ``error``: why it failed; what was measured before is not compared then."""
    figures = [
        {"name": name, "unit": case.units[name], "at": at, "rounds": rounds, **vars(Spread.of(rounds))}
        for name, points in record.points.items()
        for at, rounds in sorted(points.items(), key=lambda point: point[0] or 0.0)
    ]
    comparisons = (
        []
        if error
        else [
            {
                "name": each.name,
                "kind": each.kind,
                "asked": each.asked,
                **vars(each.of(record.points[each.left][None], record.points[each.right][None])),
            }
            for each in case.comparisons
        ]
    )
    return {
        "title": case.title,
        "seconds": round(seconds, 1),
        "error": error,
        "figures": figures,
        "comparisons": comparisons,
        "curve": vars(case.curve) if case.curve else None,
    }


def rows(case: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Return what is shown of a case: name, median with unit, spread, and what is asked for."""
    for each in case["comparisons"]:
        yield each["name"], shown(each["median"]) + _unit(case, each), _spread(each), each["asked"]
    for each in case["figures"]:
        place = "" if each["at"] is None else f" at {each['at']:,g}"
        yield each["name"] + place, f"{shown(each['median'])} {each['unit']}", _spread(each), ""


def _unit(case: dict[str, Any], comparison: dict[str, Any]) -> str:
    """A ratio has no unit, a difference has that of what it is made of."""
    return "" if comparison["kind"] == "ratio" else f" {case['figures'][0]['unit']}"


def _spread(each: dict[str, Any]) -> str:
    return f"{shown(each['low'])} to {shown(each['high'])}"


def terminal_table(report: dict[str, Any]) -> str:
    """Return all cases as a table of plain text."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("case", "figure"):
        table.add_column(column)
    for column in ("median", "lowest to highest", "asked"):
        table.add_column(column, justify="right")
    for name, case in report["cases"].items():
        first = name
        for row in rows(case):
            table.add_row(first, *row)
            first = ""
        if case["error"]:
            table.add_row(first, f"FAILED: {case['error']}")
        table.add_section()
    written = StringIO()
    Console(file=written, width=_WIDTH, color_system=None, highlight=False).print(summary(report), table)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def summary(report: dict[str, Any]) -> str:
    """Return on what the run was made, as one sentence."""
    machine, versions = report["machine"], report["machine"]["versions"]
    changed = " with changes" if report["changed"] else ""
    rounds = f"{report['rounds']} round{'' if report['rounds'] == 1 else 's'}"
    return (
        f"{machine['processors']} processors ({machine['model']}), {machine['memory_gib']} GiB; "
        f"Python {versions['python']}, Redis {versions['redis']}, MongoDB {versions['mongod']}, "
        f"Celery {versions['celery (PyPI)']}; commit {report['commit'][:10]}{changed}, {report['begun'][:10]}, "
        f"{rounds}{', quick' if report['quick'] else ''}"
    )


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [header, ["---"] * len(header), *lines])
