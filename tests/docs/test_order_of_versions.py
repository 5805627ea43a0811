"""Each row of the tables about the order of versions is what the service does."""

import random
import re

import pytest

from tests.docs.pages import page
from worker.domain.versions import newest_first
from worker.domain.versions.order import MOVING
from worker.domain.versions.suffix import NUMBERED_PATCHES, PATCHES, PRE_RELEASES, RELEASES

ROWS = page("registries.md").table("Order of versions")
UNKNOWN = page("registries.md").table("What the order does not know")


def code(cell: str) -> list[str]:
    """The words that a cell shows as code."""
    return re.findall(r"`([^`]+)`", cell)


def ordered(tags: list[str]) -> list[str]:
    shuffled = tags[:]
    random.Random(tags[0]).shuffle(shuffled)
    return newest_first(shuffled)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_is_in_the_order_shown(row: list[str]) -> None:
    shown = code(row[-1])
    assert len(shown) > 1
    assert ordered(shown) == shown


@pytest.mark.parametrize("row", UNKNOWN, ids=lambda row: row[0])
def test_what_the_order_does_not_know_is_as_shown(row: list[str]) -> None:
    here, expected, why = row
    assert ordered(code(expected)) == code(here) != code(expected)
    assert why


def test_every_word_of_the_order_is_shown() -> None:
    shown = {word.lower() for row in ROWS for word in code(row[0])}
    assert shown >= {*PRE_RELEASES, *PATCHES, *NUMBERED_PATCHES, *RELEASES}


def test_the_moving_names_that_are_shown_move() -> None:
    (names,) = re.findall(r"\*\*Moving names\*\* are last: (.+?) and the like", page("registries.md").text)
    assert set(code(names)) <= MOVING
