"""Two runs side by side: `python -m tests.bench.compare old.json new.json`.

Made on one machine, one after the other. What both machines share is in the comparisons with a ceiling of the
same run; a plain figure also says how fast the machine was that day.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.figures import shown
from tests.bench.report import summary

_WIDTH = 110


def medians(report: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return the median of each comparison and figure, by case and name."""
    found = {}
    for name, case in report["cases"].items():
        for each in [*case["comparisons"], *case["figures"]]:
            place = "" if each.get("at") is None else f" at {each['at']:,g}"
            found[name, each["name"] + place] = each["median"]
    return found


def changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """Return a row for what both have: case, figure, old, new, new / old."""
    before, after = medians(old), medians(new)
    for case, name in before:
        if (case, name) in after:
            a, b = before[case, name], after[case, name]
            yield case, name, shown(a), shown(b), shown(b / a) if a else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    given = parser.parse_args()
    old, new = (json.loads(path.read_text()) for path in (given.old, given.new))
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("case", "figure", "old", "new", "new / old"):
        table.add_column(column, justify="left" if column in ("case", "figure") else "right")
    last = ""
    for case, *cells in changes(old, new):
        table.add_row("" if case == last else case, *cells)
        last = case
    console = Console(file=sys.stdout, width=_WIDTH, highlight=False)
    console.print(f"old: {summary(old)}\nnew: {summary(new)}")
    console.print(table)


if __name__ == "__main__":
    main()
