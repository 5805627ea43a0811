"""Given pages that are lost, repeated or refused, then what was read is kept, and the list is not whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.registries import pager
from tests.registries.pager import FORMS, Pager, Reader
from worker.domain.image import FetchFailed

TAGS = [f"1.{n:04}" for n in range(1500)]


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


@pytest.mark.parametrize(
    "registry",
    [
        Pager(TAGS, form=None, cap=1000, ignores=frozenset({"last"})),
        Pager(TAGS, form=None, cap=100, ignores=frozenset({"last"})),
        Pager(TAGS, cap=500, ignores=frozenset({"last"})),
        Pager(TAGS, form=FORMS["no query"], cap=500, ignores=frozenset({"last"})),
        Pager(TAGS, cap=500, faults={0: pager.leaves_out}),
        Pager(TAGS, cap=100, faults={9: pager.leaves_out}),
        Pager([*reversed(TAGS)], cap=100, faults={9: pager.leaves_out}),
        Pager(TAGS, cap=100, faults={9: pager.is_empty}),
        Pager(TAGS, cap=500, faults={1: pager.repeats}),
        Pager(TAGS, cap=500, faults={1: pager.stops}),
        Pager(TAGS, cap=500, faults={2: pager.stops}),
        Pager(TAGS, form=None, cap=1000, faults={1: pager.stops}),
        Pager(TAGS, form=None, cap=1000, faults={1: pager.overlaps}),
        Pager(TAGS, form=None, cap=50, refuses=1, ignores=frozenset({"last"})),
        Pager(TAGS, form=FORMS["no query"], cap=500, faults={1: pager.status(400)}),
        # Two pages of names that no tag may have, and tags behind them.
        Pager([*(f"-{n}" for n in range(2000)), *TAGS], form=None, cap=1000),
    ],
)
def test_what_cannot_be_read_is_truncated(reader: Reader, registry: Pager) -> None:
    listed = reader.read(registry)
    assert set(listed.tags) <= set(registry.names)
    assert listed.truncated


FAILURES = {
    "400": (pager.status(400), "refused"),
    "401": (pager.status(401), "auth"),
    "403": (pager.status(403), "auth"),
    "404": (pager.status(404), "not_found"),
    "500": (pager.status(500), "refused"),
    "hangs up": (pager.hangs_up, "unreachable"),
    "html": (pager.body(b"<html>"), "malformed"),
    "objects": (pager.body({"tags": [{"name": "1.0"}]}), "malformed"),
    "no list": (pager.body({}), "malformed"),
    "errors": (pager.body({"errors": [{"code": "DENIED"}]}), "malformed"),
    "too large": (pager.body(b'{"tags": []' + b" " * (9 << 20) + b"}"), "malformed"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("form", ["relative", "foreign path", None])
def test_a_failure_between_the_pages_keeps_what_was_read(
    reader: Reader, failure: str, form: str | None
) -> None:
    fault, reason = FAILURES[failure]
    listed = reader.read(Pager(TAGS, form=FORMS[form] if form else None, cap=1000, faults={1: fault}))
    assert (len(listed.tags), listed.truncated) == (1000, True)
    assert listed.failure is not None
    assert listed.failure.reason == reason


@pytest.mark.parametrize("failure", FAILURES)
def test_a_page_that_need_not_exist_may_be_refused(reader: Reader, failure: str) -> None:
    """A hundred tags, where a thousand were asked for, are all tags as the protocol has it."""
    listed = reader.read(Pager(TAGS[:100], form=None, faults={1: FAILURES[failure][0]}))
    is_no = failure in ("400", "404")
    assert (len(listed.tags), listed.truncated, listed.failure is None) == (100, not is_no, is_no)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_page_behind_the_last_that_was_linked_may_fail(reader: Reader, failure: str) -> None:
    listed = reader.read(Pager(TAGS, cap=500, faults={3: FAILURES[failure][0]}))
    assert (len(reader.asked), len(listed.tags), listed.truncated) == (4, 1500, False)


@pytest.mark.parametrize("cap", [100, 1000])
@pytest.mark.parametrize("code", [429, 503])
def test_a_registry_that_asks_to_be_left_alone_between_the_pages_is(
    reader: Reader, code: int, cap: int
) -> None:
    with pytest.raises(FetchFailed) as failed:
        reader.read(Pager(TAGS, form=None, cap=cap, faults={1: pager.status(code)}))
    assert failed.value.reason == "throttled"


@pytest.mark.parametrize("code", [400, 405, 413, 414, 416, 422])
def test_fewer_tags_are_asked_for_where_many_are_refused(reader: Reader, code: int) -> None:
    refused = pager.status(code)
    assert len(reader.read(Pager(TAGS[:9], faults={0: refused})).tags) == 9
    assert len(reader.read(Pager(TAGS[:9], faults={0: refused, 1: refused})).tags) == 9
    with pytest.raises(FetchFailed) as failed:
        reader.read(Pager(TAGS[:9], faults={0: refused, 1: refused, 2: refused}))
    assert failed.value.reason == "refused"
    assert [asked.query.get("n") for asked in reader.asked] == ["1000", "100", None]


@pytest.mark.parametrize("code", [401, 403, 404, 410, 429, 500, 502])
def test_another_refusal_is_not_asked_about_again(reader: Reader, code: int) -> None:
    with pytest.raises(FetchFailed):
        reader.read(Pager(TAGS, faults={0: pager.status(code)}))
    assert len(reader.asked) == 1
