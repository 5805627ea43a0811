"""Given a registry that pages, then the listing is complete, or it is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registries.double import Double, Handler, listing, says
from worker.domain.image import FetchFailed, ImageRef, NoAnswer, TagList
from worker.registries import Caps
from worker.registries.registries import Registries

Make = Callable[..., Registries]
Oci = Callable[..., ImageRef]
PATH = "/v2/app/tags/list"


@pytest.fixture
def listing_of(double: Double, registries: Make, oci: Oci) -> Callable[[], TagList]:
    made = registries(f"http://{double.authority}", caps=Caps(tags=1000, pages=20))
    return lambda: made.fetch(oci(double.authority))


@pytest.fixture
def asking(listing_of: Callable[[], TagList]) -> Callable[[], tuple[str, ...]]:
    return lambda: listing_of().tags


@pytest.mark.parametrize("absolute", [False, True])
def test_every_page_is_read(double: Double, registries: Make, oci: Oci, absolute: bool) -> None:
    tags = [f"1.{n}" for n in range(25)]
    double.tags["app"] = [*tags]
    double.page, double.absolute_links = 4, absolute
    listed = registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert set(listed.tags) == set(tags)
    assert (len(double.asked), listed.truncated, listed.complete) == (7, False, True)


def test_a_page_shorter_than_asked_for_is_not_the_last(double: Double, asking: Callable[[], object]) -> None:
    double.tags["app"] = ["a", "b", "c"]
    double.page = 1
    assert asking() == ("a", "b", "c")


@pytest.mark.parametrize("answer", [{"tags": None}, {"tags": []}])
def test_no_tags_are_an_empty_list(double: Double, asking: Callable[[], object], answer: object) -> None:
    double.behaviours[PATH] = says(200, answer)
    assert asking() == ()


@pytest.mark.parametrize("answer", [{}, {"name": "app"}, {"errors": []}, {"status": "maintenance"}])
def test_an_answer_that_says_nothing_of_tags_is_no_empty_list(
    double: Double, asking: Callable[[], object], answer: object
) -> None:
    double.behaviours[PATH] = says(200, answer)
    with pytest.raises(FetchFailed) as failed:
        asking()
    assert failed.value.reason == "malformed"


def test_names_that_are_no_tags_are_dropped_and_doubles_too(
    double: Double, asking: Callable[[], object]
) -> None:
    double.behaviours[PATH] = says(200, {"tags": ["1.0", "../x", "", "a b", "x" * 129, "1.0", "é", "a\n"]})
    assert asking() == ("1.0",)


@pytest.mark.parametrize("odd", [{"name": "2.0"}, None, 2.0, ["2.0"], True])
@pytest.mark.parametrize("before", [[], ["1.0"]])
def test_a_list_that_does_not_hold_strings_alone_is_none(
    double: Double, asking: Callable[[], object], before: list[object], odd: object
) -> None:
    """What cannot be read could be a tag: the rest is not the whole list."""
    double.behaviours[PATH] = says(200, {"tags": [*before, odd]})
    with pytest.raises(FetchFailed) as failed:
        asking()
    assert failed.value.reason == "malformed"


@pytest.mark.parametrize(
    "link",
    [
        "<http://127.0.0.2:1/v2/app/tags/list?last=a>; rel=next",
        "<https://127.0.0.1/v2/app/tags/list?last=a>; rel=next",
        "<//evil.test/v2/app/tags/list?last=a>; rel=next",
        "</v2/other/tags/list?last=a>; rel=next",
        "</v2/app/tags/list/../../../other?last=a>; rel=next",
        "<http://user:password@127.0.0.1:{port}/v2/app/tags/list?last=a>; rel=next",
        "<file:///etc/passwd>; rel=next",
        "<http://[>; rel=next",
        "<//[::1/v2/app/tags/list>; rel=next",
    ],
)
def test_a_link_to_elsewhere_leads_to_no_other_place(
    double: Double, trap: Double, listing_of: Callable[[], TagList], link: str
) -> None:
    double.behaviours[PATH] = listing("a", link=link.replace("{port}", str(double.port)))
    listed = listing_of()
    assert (listed.tags, listed.truncated) == (("a",), True)
    assert {asked.path for asked in double.asked} == {PATH}
    assert len(double.asked) <= 3
    assert trap.asked == []


@pytest.mark.parametrize("target", ["http://[", "//[::1", "//a\\evil.test/"])
def test_a_redirect_to_nowhere_is_refused(double: Double, asking: Callable[[], object], target: str) -> None:
    double.behaviours[PATH] = says(302, b"", {"Location": target})
    with pytest.raises(FetchFailed) as failed:
        asking()
    assert (failed.value.reason, len(double.asked)) == ("not_allowed", 1)


def test_a_link_to_itself_is_no_loop(double: Double, listing_of: Callable[[], TagList]) -> None:
    double.behaviours[PATH] = listing("a", "b", link=f"<{PATH}?n=1000>; rel=next")
    listed = listing_of()
    assert (listed.tags, listed.truncated, len(double.asked)) == (("a", "b"), True, 2)


def test_two_links_to_each_other_are_no_loop(double: Double, listing_of: Callable[[], TagList]) -> None:
    def page(handler: Handler) -> None:
        other = "b" if handler.asked.query.get("last") == "a" else "a"
        handler.reply(200, {"tags": [other]}, {"Link": f"<{PATH}?last={other}>; rel=next"})

    double.behaviours[PATH] = page
    listed = listing_of()
    assert (set(listed.tags), listed.truncated) == ({"a", "b"}, True)
    assert len(double.asked) <= 4


def test_pages_without_end_are_cut_off(double: Double, registries: Make, oci: Oci) -> None:
    def page(handler: Handler) -> None:
        number = int(handler.asked.query.get("last", 0)) + 1
        handler.reply(200, {"tags": [str(number)]}, {"Link": f"<{PATH}?last={number}>; rel=next"})

    double.behaviours[PATH] = page
    listed = registries(f"http://{double.authority}", caps=Caps(pages=5)).fetch(oci(double.authority))
    assert listed.truncated
    assert len(listed.tags) == len(double.asked) == 5


def test_the_default_caps_are_those_of_the_specification() -> None:
    assert Caps() == Caps(3, 10, 60, 8 << 20, 64 << 10, 200, 50_000, 3)


@pytest.mark.parametrize("page", [0, 1000])
def test_200000_tags_are_truncated(double: Double, registries: Make, oci: Oci, page: int) -> None:
    double.tags["app"] = [f"v1.{n}" for n in range(60_000 if page else 200_000)]
    double.page = page
    listed = registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert listed.truncated
    assert len(listed.tags) == 50_000


@pytest.mark.parametrize(
    ("header", "next_page"),
    [
        ('</x?last=1>; rel="prev", </v2/app/tags/list?last=b>; rel="next"', True),
        ('</v2/app/tags/list?last=b>; title="a; rel=prev"; rel="first next"', True),
        ("</v2/app/tags/list?last=b>; rel=NEXT", True),
        ("</v2/app/tags/list?last=b;c>; rel=next", True),
        ('</x>; rel=help; title="a, </v2/app/tags/list?last=b>; rel=next"', False),
        ("</v2/app/tags/list?last=b>; rel=nextish", False),
        ("</v2/app/tags/list?last=b>; rel=prev", False),
        ("</v2/app/tags/list?last=b>", True),
    ],
)
def test_links_are_read_as_the_standard_has_them(
    double: Double, asking: Callable[[], object], header: str, next_page: bool
) -> None:
    def page(handler: Handler) -> None:
        last = handler.asked.query.get("last")
        handler.reply(200, {"tags": ["c" if last else "a"]}, None if last else {"Link": header})

    double.behaviours[PATH] = page
    assert asking() == (("a", "c") if next_page else ("a",))


# Eight million bytes that would be 180 MB in memory.
MANY = b'{"tags": [' + b"[]," * 2_700_000 + b"[]]}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 200_000,
        b'{"tags": "abc"}',
        b'{"tags": {}}',
        b"\xff\xfe",
        b"9" * 5000,
        MANY,
    ],
)
def test_nonsense_is_no_list(double: Double, asking: Callable[[], object], body: bytes) -> None:
    double.behaviours[PATH] = says(200, body)
    with pytest.raises(FetchFailed) as failed:
        asking()
    assert failed.value.reason == "malformed"
    assert not isinstance(failed.value, NoAnswer)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (404, "not_found"),
        (401, "auth"),
        (403, "auth"),
        (429, "throttled"),
        (503, "throttled"),
        (500, "refused"),
        (502, "refused"),
        (410, "refused"),
        (204, "malformed"),
    ],
)
def test_the_status_decides(double: Double, asking: Callable[[], object], status: int, reason: str) -> None:
    double.behaviours[PATH] = says(status, b"<h1>whatever</h1>" if status != 204 else b"")
    with pytest.raises(FetchFailed) as failed:
        asking()
    assert (failed.value.reason, len(double.asked)) == (reason, 1)


def test_nobody_there_is_unreachable(double: Double, registries: Make, oci: Oci) -> None:
    double.close()
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert (failed.value.reason, type(failed.value)) == ("unreachable", NoAnswer)
