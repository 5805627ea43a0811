"""Puts a whole run into docs/performance.md: `python -m tests.bench.publish bench.json`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tests.bench.report import markdown, rows, summary
from tests.bench.svg import draw
from tests.support.servers import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"


class Unpublishable(Exception):
    """Raised for a run whose figures are not for a page; the text says why."""


def publish(report: dict[str, Any], page: Path = PAGE) -> None:
    """Write the figures between the two marks of the page, and the pictures into the folder beside it.

    Raises: ``Unpublishable``.
    """
    _check(report)
    before, _, rest = page.read_text().partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise Unpublishable(f"{page} has not the marks {BEGIN} and {END}")
    pictures = {name: case for name, case in report["cases"].items() if case["curve"]}
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name, case in pictures.items():
        (folder / f"{name}.svg").write_text(picture(case))
    shown = "\n".join(f"![{case['title']}]({folder.name}/{name}.svg)\n" for name, case in pictures.items())
    page.write_text(f"{before}{BEGIN}\n\n{figures(report)}\n{shown}\n{END}{after}")


def _check(report: dict[str, Any]) -> None:
    if report["quick"]:
        raise Unpublishable("a quick run says that it works, not how fast it is")
    if report["missing"]:
        raise Unpublishable(f"these cases were not run: {', '.join(report['missing'])}")
    if failed := [name for name, case in report["cases"].items() if case["error"]]:
        raise Unpublishable(f"these cases failed: {', '.join(failed)}")


def figures(report: dict[str, Any]) -> str:
    """Return the machine, and the tables of what was measured."""
    lines = [
        (f"`{name}`" if number == 0 else "", *row)
        for name, case in report["cases"].items()
        if not case["curve"]
        for number, row in enumerate(rows(case))
    ]
    head = ["case", "figure", "median", "lowest to highest", "asked"]
    return f"{wrapped(summary(report))}.\n\n{markdown(head, lines)}"


def wrapped(text: str, columns: int = 110) -> str:
    """Return the text in lines that the page may have."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 >= columns:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def picture(case: dict[str, Any]) -> str:
    """Return the medians of a case as curves."""
    series: dict[str, list[tuple[float, float]]] = {}
    for each in case["figures"]:
        series.setdefault(each["name"], []).append((each["at"], each["median"]))
    curve = case["curve"]
    return draw(case["title"], curve["x"], curve["y"], series, curve["is_log"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, nargs="?", default=Path("bench.json"))
    try:
        publish(json.loads(parser.parse_args().report.read_text()))
    except Unpublishable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
