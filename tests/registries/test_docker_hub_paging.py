"""Given Docker Hub's pages in other forms than it promises, then no list is taken for whole that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from tests.registries.double import Double, Handler
from worker.domain.image import FetchFailed, ImageRef, TagList
from worker.registries.registries import Network, Registries

PATH = "/v2/namespaces/library/repositories/nginx/tags"
TAGS = [f"1.{n:03}" for n in range(250)]
REF = ImageRef("DOCKER_HUB", "registry.hub.docker.com", "nginx")
Read = Callable[["Hub"], TagList]

NEXT: dict[str, Callable[[str, int], object]] = {
    "absolute": lambda url, page: f"{url}{PATH}?page={page}&page_size=100",
    "relative": lambda url, page: f"{PATH}?page={page}",
    "query": lambda url, page: f"?page={page}",
    "other host": lambda url, page: f"http://127.0.0.2:9{PATH}?page={page}",
    "other scheme": lambda url, page: f"https://hub.docker.com{PATH}?page={page}",
    "old path": lambda url, page: f"{url}/v2/repositories/library/nginx/tags/?page={page}",
    "blanks": lambda url, page: f" {PATH}?page={page} ",
    "none": lambda url, page: None,
    "empty": lambda url, page: "",
    "number": lambda url, page: page,
    "object": lambda url, page: {"page": page},
    "nowhere": lambda url, page: "//[",
    "the same": lambda url, page: f"{PATH}?page_size=100&ordering=last_updated",
}


@dataclass
class Hub:
    """``size``: of its pages. ``count``: what it says of all tags. ``answers``: instead of some pages."""

    next: str = "absolute"
    size: int = 100
    count: object = len(TAGS)
    answers: dict[int, int | list[str]] = field(default_factory=dict)

    def __call__(self, handler: Handler) -> None:
        page = int(handler.asked.query.get("page", 1))
        answer = self.answers.get(page, TAGS[(page - 1) * self.size : page * self.size])
        if isinstance(answer, int) or not answer:
            handler.reply(answer if isinstance(answer, int) else 404, {"message": "object not found"})
            return
        more = page * self.size < len(TAGS)
        following = NEXT[self.next](handler.double.url, page + 1) if more else None
        results = [{"name": name} for name in answer]
        handler.reply(200, {"count": self.count, "next": following, "results": results})


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    with ExitStack() as stack:
        double = stack.enter_context(Double())
        made = stack.enter_context(Registries(network=Network(docker_hub_api=double.url)))

        def read(hub: Hub) -> TagList:
            double.behaviours[PATH] = hub
            return made.fetch(REF)

        yield read


@pytest.mark.parametrize("following", NEXT)
@pytest.mark.parametrize("size", [100, 25, 50])
def test_every_form_of_next_leads_to_all_tags(read: Read, following: str, size: int) -> None:
    listed = read(Hub(following, size))
    assert set(listed.tags) == set(TAGS)
    assert (listed.truncated, listed.shifted, listed.failure) == (False, False, None)


@pytest.mark.parametrize("following", NEXT)
@pytest.mark.parametrize("count", [None, "many", 0])
def test_every_form_of_next_leads_to_all_tags_without_a_count(
    read: Read, following: str, count: object
) -> None:
    listed = read(Hub(following, count=count))
    assert set(listed.tags) == set(TAGS)
    assert not listed.truncated


@pytest.mark.parametrize(
    "hub",
    [
        Hub(answers={2: TAGS[:100]}),
        Hub(answers={2: TAGS[:100]}, count=None),
        Hub(answers={2: TAGS[200:], 3: TAGS[200:]}),
        Hub("none", answers={2: TAGS[:100]}),
        Hub("none", answers={2: TAGS[:100]}, count=None),
        Hub("number", answers={2: TAGS[:100]}, count=None),
        Hub("none", answers={2: 404}),
        Hub(count=300),
        Hub("none", size=25, answers={2: 400}),
    ],
)
def test_what_is_missing_is_told(read: Read, hub: Hub) -> None:
    listed = read(hub)
    assert set(listed.tags) <= set(TAGS)
    assert listed.truncated or listed.shifted


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("following", ["absolute", "number"])
def test_a_failure_between_the_pages_keeps_what_was_read(read: Read, following: str, status: int) -> None:
    listed = read(Hub(following, answers={2: status}))
    assert (set(listed.tags), listed.truncated) == (set(TAGS[:100]), True)
    assert listed.failure is not None


def test_a_page_that_need_not_exist_may_fail(read: Read) -> None:
    listed = read(Hub("none", count=None, answers={2: 404}))
    assert (len(listed.tags), listed.truncated, listed.failure) == (100, False, None)


@pytest.mark.parametrize("following", ["absolute", "number", "none"])
def test_an_api_that_asks_to_be_left_alone_between_the_pages_is(read: Read, following: str) -> None:
    with pytest.raises(FetchFailed) as failed:
        read(Hub(following, answers={2: 429}))
    assert failed.value.reason == "throttled"
