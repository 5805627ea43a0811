"""The README is short, and the lines of every page can be read."""

from __future__ import annotations

import pytest

from tests.docs.pages import MANUAL, README, Page

README_LINES = 150
COLUMNS = 110
BLOCK_COLUMNS = 120
TABLE_COLUMNS = 260


def test_the_readme_is_short() -> None:
    assert len(README.lines) <= README_LINES
    assert max(len(line) for line in README.lines) <= COLUMNS


@pytest.mark.parametrize("page", MANUAL, ids=lambda page: page.name)
def test_lines_are_short(page: Page) -> None:
    prose = dict(page.prose())
    for number, line in enumerate(page.lines, start=1):
        most = BLOCK_COLUMNS if number not in prose else TABLE_COLUMNS if line.startswith("|") else COLUMNS
        assert len(line) <= most, f"{page.name}:{number}"


@pytest.mark.parametrize("page", MANUAL, ids=lambda page: page.name)
def test_tables_have_the_same_cells_in_each_row(page: Page) -> None:
    widths: list[int] = []
    for number, line in page.prose():
        if not line.startswith("|"):
            widths = []
            continue
        widths.append(line.replace(r"\|", "").count("|"))
        assert widths[-1] == widths[0], f"{page.name}:{number}"
