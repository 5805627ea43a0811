"""Every block of the manual that a reader copies does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import MANUAL, RUN, Block, Page
from tests.docs.programs import Reader, matches

BLOCKS = [block for page in MANUAL for block in page.blocks()]


def name_of(case: Page | Block) -> str:
    return case.name if isinstance(case, Page) else case.where


@pytest.mark.parametrize("page", MANUAL, ids=name_of)
def test_the_blocks_do_what_the_page_shows(page: Page, deployment: dict[str, str], tmp_path: Path) -> None:
    Reader(page, deployment, tmp_path).read()


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
def test_a_block_that_is_not_run_says_why(block: Block) -> None:
    assert block.language in {*RUN, "text", "json", "yaml", "ini", "mermaid"}
    assert bool(block.reason) == (block.marker == "not run")
    assert not block.marker or block.language in RUN


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("jira ENABLED 1", "jira ENABLED 23"),
        ("at 2026-01-31T12:00:00.000Z", "at 2026-11-30T15:33:11.710Z"),
        ("id 8f14e45f-ceea-467f-a9d1-2d1c5b4bdf01", "id 00000000-ceea-467f-a9d1-2d1c5b4bdf99"),
        ("a   b\nc", "a b\nc\n"),
        ("a\n...\nd", "a\nb\nc\nd"),
        ("a\n...\nd", "a\nd"),
        ('{"a": ...}', '{"a": {"b": [1]}}'),
    ],
)
def test_output_is_compared_loosely(shown: str, printed: str) -> None:
    assert matches(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("jira ENABLED", "jira DISABLED"), ("a", "a\nb"), ("a\nb", "a"), ("a\n...\nd", "a\nc")],
)
def test_output_that_says_something_else_is_noticed(shown: str, printed: str) -> None:
    assert not matches(shown, printed)
    assert matches(shown, f"{shown}\nmore", goes_on=True)
