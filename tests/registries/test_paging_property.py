"""Whatever a registry pages like, and whatever fails between its pages: the list is whole, or says that it is not.

What no client can see is left out: a registry that has more than it shows, and neither links to it nor gives
it when asked for what is behind its last tag.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.registries import pager
from tests.registries.pager import FORMS, Fault, Pager, Reader
from worker.domain.image import FetchFailed
from worker.registries.tags import oci, reading

FAULTS: dict[str, Fault] = {
    "400": pager.status(400),
    "403": pager.status(403),
    "404": pager.status(404),
    "429": pager.status(429),
    "500": pager.status(500),
    "html": pager.body(b"<html>"),
    "objects": pager.body({"tags": [{"name": "1.0"}]}),
    "hangs up": pager.hangs_up,
    "repeats": pager.repeats,
    "stops": pager.stops,
}
LINKED = {"leaves out": pager.leaves_out, "is empty": pager.is_empty}
# Without a link, a page that is not there is the end.
LINKLESS = {name: fault for name, fault in FAULTS.items() if name not in ("400", "404")}
NAMES = st.lists(
    st.from_regex(r"v?[0-9]{1,2}\.[0-9]{1,3}(-rc[0-9])?", fullmatch=True),
    min_size=1,
    max_size=40,
    unique=True,
)
CURSORS = {
    "name": lambda name, place: name,
    "place": lambda name, place: str(place),
    "opaque": lambda name, place: f"=={place}",
}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with pytest.MonkeyPatch.context() as patch, Reader() as reader:
        # Small pages: 8 tags are asked for, and 4 could be the size of a registry's pages.
        patch.setattr(oci, "_SIZES", (8, 4, None))
        patch.setattr(reading, "_FEWEST", 4)
        yield reader


@st.composite
def pagers(draw: st.DrawFn) -> Pager:
    names = draw(NAMES)
    form = draw(st.sampled_from([None, *FORMS]))
    # Without a link, a registry with pages of its own size must have one that looks like one.
    caps = [4, 8, 1000] if form is None else [1, 2, 3, 4, 5, 8, 20, 1000]
    faults = LINKLESS if form is None else FAULTS | LINKED
    numbers = st.integers(0, 12)
    return Pager(
        sorted(names) if draw(st.booleans()) else names,
        form=None if form is None else FORMS[form],
        cap=draw(st.sampled_from(caps)),
        refuses=draw(st.sampled_from([1, 5, 9, 1000])),
        one_too_many=draw(st.booleans()),
        ignores=frozenset(draw(st.sets(st.sampled_from(["last"])))),
        cursor=CURSORS[draw(st.sampled_from(sorted(CURSORS)))],
        faults={
            number: faults[name]
            for number, name in draw(
                st.dictionaries(numbers, st.sampled_from(sorted(faults)), max_size=2)
            ).items()
        },
    )


@settings(deadline=None, max_examples=100)
@given(registry=pagers())
def test_a_list_is_whole_or_says_that_it_is_not(reader: Reader, registry: Pager) -> None:
    try:
        listed = reader.read(registry)
    except FetchFailed:
        assert registry.faults or registry.refuses == 1
        return
    assert set(listed.tags) <= set(registry.names)
    assert set(listed.tags) == set(registry.names) or listed.truncated
    assert len(reader.asked) <= 90
