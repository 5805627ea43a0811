"""What a page is given: whole runs only, between its marks; and two runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.case import Case, Plan
from tests.bench.compare import changes
from tests.bench.fakes import CURVED, FAILING, PLAIN, open_no_servers
from tests.bench.publish import BEGIN, END, PAGE, Unpublishable, publish
from tests.bench.run import run


def found(tmp_path: Path, *cases: Case, quick: bool = False) -> dict[str, Any]:
    report = run(cases, Plan(2, quick=quick), tmp_path / "bench.json", lambda line: None, open_no_servers)
    return {**report, "missing": []}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "performance.md"
    path.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nbehind\n")
    return path


def test_the_figures_stand_between_the_marks(page: Path, tmp_path: Path) -> None:
    publish(found(tmp_path, PLAIN, CURVED), page)
    text = page.read_text()
    assert text.startswith(f"before\n\n{BEGIN}\n") and text.endswith(f"{END}\n\nbehind\n")
    assert "| `plain` | ours / theirs | 2.00 | 1.99 to 2.00 | at least 2.0 |\n" in text
    assert "![Curved](performance/curved.svg)" in text
    assert "old" not in text
    assert (tmp_path / "performance" / "curved.svg").read_text().startswith("<svg")


def test_what_is_published_again_is_the_same(page: Path, tmp_path: Path) -> None:
    report = found(tmp_path, PLAIN, CURVED)
    publish(report, page)
    before = page.read_text()
    publish(report, page)
    assert page.read_text() == before


@pytest.mark.parametrize(
    ("cases", "change", "reason"),
    [
        ([PLAIN], {"quick": True}, "quick"),
        ([PLAIN], {"missing": ["memory"]}, "not run: memory"),
        ([PLAIN, FAILING], {}, "failed: failing"),
    ],
)
def test_a_run_that_is_not_whole_changes_nothing(
    page: Path, tmp_path: Path, cases: list[Case], change: dict[str, Any], reason: str
) -> None:
    before = page.read_text()
    with pytest.raises(Unpublishable, match=reason):
        publish(found(tmp_path, *cases) | change, page)
    assert page.read_text() == before


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("no marks\n")
    with pytest.raises(Unpublishable, match="marks"):
        publish(found(tmp_path, PLAIN), page)
    assert page.read_text() == "no marks\n"


def test_the_manual_has_the_marks() -> None:
    text = PAGE.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.index(BEGIN) < text.index(END)


def test_two_runs_are_compared_by_what_both_have(tmp_path: Path) -> None:
    old, new = found(tmp_path, PLAIN, CURVED), found(tmp_path, PLAIN)
    new["cases"]["plain"]["comparisons"][0]["median"] *= 2
    assert list(changes(old, new)) == [
        ("plain", "ours / theirs", "2.00", "3.99", "2.00"),
        ("plain", "ours", "200", "200", "1.00"),
        ("plain", "theirs", "100", "100", "1.00"),
    ]
