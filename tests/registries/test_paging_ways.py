"""Given a registry that pages in its own way, then its list is complete, or said to be incomplete."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.registries import pager
from tests.registries.pager import FORMS, Pager, Reader

TAGS = [f"1.{n:04}" for n in range(1500)]
# They do not say where the next page is: we ask for what is behind the last tag, until there is nothing.
VAGUE = {"no query", "size alone", "nonsense"}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


WAYS = {
    "none": Pager(TAGS, form=None, cap=1000),
    "relative": Pager(TAGS, cap=1000),
    "absolute": Pager(TAGS, cap=1000, form=FORMS["absolute"]),
    "quoted": Pager(TAGS, cap=1000, form=FORMS["single quotes"]),
    "unquoted": Pager(TAGS, cap=1000, form=FORMS["unquoted"]),
    "bare": Pager(TAGS, cap=1000, form=FORMS["bare"]),
    "foreign path": Pager(TAGS, cap=1000, form=FORMS["foreign path"]),
    "%2F": Pager(TAGS, cap=1000, form=FORMS["escaped slash"]),
    "small n only": Pager(TAGS, form=None, refuses=101),
    "one page too many": Pager(TAGS, cap=500, one_too_many=True),
    "a page repeated": Pager(TAGS, cap=500, faults={1: pager.repeats}),
    "a page lost": Pager(TAGS, cap=500, faults={0: pager.leaves_out}),
}


@pytest.mark.parametrize("way", WAYS)
def test_1500_tags_are_complete_or_truncated(reader: Reader, way: str) -> None:
    listed = reader.read(WAYS[way])
    assert set(listed.tags) <= set(TAGS)
    assert (set(listed.tags) == set(TAGS)) or listed.truncated
    assert listed.truncated is (way in ("a page repeated", "a page lost"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cap", [1000, 70])
def test_every_spelling_of_a_link_leads_to_all_tags(reader: Reader, form: str, cap: int) -> None:
    tags = TAGS if cap == 1000 else TAGS[:200]
    listed = reader.read(Pager(tags, form=FORMS[form], cap=cap))
    assert (set(listed.tags), listed.truncated) == (set(tags), False)
    assert len(reader.asked) == -(-len(tags) // cap) + (form in VAGUE)


@pytest.mark.parametrize(
    "registry",
    [
        Pager(TAGS, form=None, cap=1000),
        Pager(TAGS, form=None, cap=100),
        Pager(TAGS[:1000], form=None, cap=1000),
        Pager(TAGS[:999], form=None, cap=1000),
        Pager(TAGS, form=None),
        Pager(TAGS[:100], form=None, cap=100),
        Pager(TAGS, form=None, ignores=frozenset({"n", "last"})),
        Pager(TAGS[:1000], form=None, ignores=frozenset({"n", "last"})),
        Pager(TAGS[:100], form=None, ignores=frozenset({"n", "last"})),
        Pager(TAGS, form=None, cap=500, ignores=frozenset({"n"})),
        Pager(TAGS, form=None, refuses=1001),
        Pager(TAGS, form=None, refuses=101),
        Pager(TAGS, form=None, refuses=100),
        Pager(TAGS, form=None, refuses=1),
        Pager(TAGS, refuses=101),
        Pager(TAGS, refuses=1, cap=200),
        Pager([*reversed(TAGS)], form=None, cap=1000),
        Pager([*reversed(TAGS)], cap=300),
        Pager(TAGS[:500], cap=250),
        Pager(TAGS[:500], cap=250, one_too_many=True),
        Pager(TAGS, cap=500, cursor=lambda name, place: str(place)),
        Pager([*TAGS[:500], *(f"9.{n}" for n in range(500))], cap=500, cursor=lambda name, place: str(place)),
        Pager(TAGS, cap=500, cursor=lambda name, place: f"eyJ{place}+/=="),
        Pager(TAGS, cap=500, cursor=lambda name, place: f"Xb{place * 7919}"),
    ],
    ids=[
        "no link",
        "no link, a cap of its own",
        "no link, exactly one page",
        "no link, one tag less than a page",
        "more than was asked for",
        "one page of a round size",
        "everything, whatever is asked",
        "everything, as many as asked for",
        "everything, a round number",
        "pages of its own size",
        "n of 1000 at most",
        "n of 100 at most",
        "n of 99 at most",
        "no n at all",
        "n of 100 at most, with links",
        "no n at all, with links",
        "newest first, no link",
        "newest first",
        "full pages only",
        "full pages only, and an empty one",
        "last is a place",
        "last is a place that could be a tag between two pages",
        "last is opaque",
        "last could be a tag",
    ],
)
def test_what_registries_do_is_no_reason_to_be_truncated(reader: Reader, registry: Pager) -> None:
    listed = reader.read(registry)
    assert (set(listed.tags), listed.truncated) == (set(registry.names), False)
