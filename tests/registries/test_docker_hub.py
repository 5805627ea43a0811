"""Given Docker Hub's API, then one page is enough when it tells all; otherwise every page is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registries.double import Double, Handler, demands, says
from worker.domain.image import FetchFailed, ImageRef
from worker.registries import Credentials, parse_mirror
from worker.registries.registries import Registries

Make = Callable[..., Registries]
TAGS = [f"1.{n}" for n in range(250)]
PATH = "/v2/namespaces/library/repositories/nginx/tags"


@pytest.fixture
def hub(double: Double, registries: Make) -> Registries:
    double.tags["library/nginx"] = list(TAGS)
    return registries(docker_hub_api=double.url)


def nginx(credential: str | None = None) -> ImageRef:
    return ImageRef("DOCKER_HUB", "registry.hub.docker.com", "nginx", credential)


def test_all_pages(double: Double, hub: Registries) -> None:
    listed = hub.fetch(nginx())
    assert set(listed.tags) == set(TAGS)
    assert (len(double.asked), listed.complete, listed.truncated, listed.shifted) == (3, True, False, False)
    assert double.asked[0].path == PATH
    assert double.asked[0].query == {"page_size": "100", "ordering": "last_updated"}


def test_an_image_with_a_namespace(double: Double, hub: Registries) -> None:
    double.tags["team/app"] = ["1.0"]
    assert hub.fetch(ImageRef("DOCKER_HUB", "registry.hub.docker.com", "team/app")).tags == ("1.0",)


def test_nothing_new_costs_one_request(double: Double, hub: Registries) -> None:
    listed = hub.fetch(nginx(), known=frozenset(TAGS))
    assert (len(double.asked), listed.complete) == (1, False)
    assert set(listed.tags) | set(TAGS) == set(TAGS)


def test_a_new_tag_costs_one_request(double: Double, hub: Registries) -> None:
    (double.tags["library/nginx"] or []).append("2.0")
    listed = hub.fetch(nginx(), known=frozenset(TAGS))
    assert (len(double.asked), listed.complete) == (1, False)
    assert set(listed.tags) | set(TAGS) == {*TAGS, "2.0"}


@pytest.mark.parametrize(
    "now",
    [
        TAGS[1:],
        [*TAGS[1:], "2.0"],
        [*TAGS[50:], *(f"2.{n}" for n in range(150))],
        TAGS[:150],
        [*TAGS[100:], *"ab"],
    ],
    ids=["one removed", "one removed, one new", "more than a page new", "many removed", "removed and new"],
)
def test_all_pages_when_one_does_not_tell(double: Double, hub: Registries, now: list[str]) -> None:
    double.tags["library/nginx"] = list(now)
    listed = hub.fetch(nginx(), known=frozenset(TAGS))
    assert listed.complete
    assert set(listed.tags) == set(now)


def removed(tags: list[str]) -> None:
    tags.remove("1.249")  # the newest, on the first page


def pushed_again(tags: list[str]) -> None:
    tags.append(tags.pop(50))  # from the last page to the first


def added(tags: list[str]) -> None:
    tags.append("2.0")


@pytest.mark.parametrize("change", [removed, pushed_again, added])
def test_tags_that_move_past_us_between_two_pages_are_told(
    double: Double, hub: Registries, change: Callable[[list[str]], None]
) -> None:
    tags = double.tags["library/nginx"]
    assert tags is not None

    def before(handler: Handler) -> bool:
        if handler.asked.query.get("page") == "2":
            change(tags)
        return False

    double.before = before
    listed = hub.fetch(nginx())
    assert listed.shifted
    assert set(listed.tags) != set(tags)


def test_names_that_are_no_tags_count(double: Double, hub: Registries) -> None:
    double.tags["library/nginx"] = ["1.0", "-odd", "2.0"]
    listed = hub.fetch(nginx())
    assert (set(listed.tags), listed.shifted) == ({"1.0", "2.0"}, False)


def test_a_single_page_is_complete(double: Double, hub: Registries) -> None:
    double.tags["library/nginx"] = ["1.0", "2.0"]
    listed = hub.fetch(nginx(), known=frozenset({"1.0", "2.0"}))
    assert (listed.complete, set(listed.tags)) == (True, {"1.0", "2.0"})


@pytest.mark.parametrize("count", [2, None, "many"])
@pytest.mark.parametrize(
    "following",
    ["http://127.0.0.2:9/x", "http://127.0.0.2:9/?page=2", "file:///etc/passwd", "//[", 5, True, {"page": 2}],
)
def test_a_next_page_elsewhere_leads_to_no_other_place(
    double: Double, trap: Double, hub: Registries, following: object, count: object
) -> None:
    double.behaviours[PATH] = says(200, {"count": count, "next": following, "results": [{"name": "1"}]})
    listed = hub.fetch(nginx())
    assert listed.tags == ("1",)
    assert listed.truncated or listed.shifted
    assert {asked.path for asked in double.asked} == {PATH}
    assert len(double.asked) <= 3
    assert trap.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        {"count": 0},
        {"count": 0, "results": None},
        {"count": 7, "results": []},
        {"count": 7, "results": [{}]},
        {"message": "maintenance"},
    ],
)
def test_an_answer_that_lacks_the_list_is_no_empty_list(
    double: Double, hub: Registries, answer: object
) -> None:
    double.behaviours[PATH] = says(200, answer)
    with pytest.raises(FetchFailed) as failed:
        hub.fetch(nginx())
    assert failed.value.reason == "malformed"


def test_a_repository_without_tags(double: Double, hub: Registries) -> None:
    double.tags["library/nginx"] = []
    assert hub.fetch(nginx()).tags == ()


@pytest.mark.parametrize("odd", [{"name": None}, {"name": 2.0}, {}, "2", None, ["3"]])
def test_a_result_without_a_name_makes_no_list(double: Double, hub: Registries, odd: object) -> None:
    double.behaviours[PATH] = says(200, {"count": 2, "next": None, "results": [{"name": "1"}, odd]})
    with pytest.raises(FetchFailed) as failed:
        hub.fetch(nginx())
    assert failed.value.reason == "malformed"


def test_throttled(double: Double, hub: Registries) -> None:
    double.behaviours[PATH] = says(429, b"", {"X-Retry-After": "1"})
    with pytest.raises(FetchFailed) as failed:
        hub.fetch(nginx())
    assert failed.value.reason == "throttled"


def test_an_account_is_asked_for_at_the_registry_not_the_api(
    double: Double, registries: Make, credentials: Callable[..., Credentials]
) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append(f"{host}:{port}")
        return []

    known = credentials("docker.io")
    made = registries(docker_hub_api=double.url, credentials=known, resolver=resolver)
    assert known.may_use("robot", "any", "registry.hub.docker.com")
    with pytest.raises(FetchFailed):
        made.fetch(nginx("robot"))
    assert (asked, double.asked) == (["registry-1.docker.io:443"], [])


def test_a_mirror_is_asked_instead(
    double: Double, registries: Make, credentials: Callable[..., Credentials]
) -> None:
    double.tags |= {"library/nginx": ["1.0"], "hub/library/nginx": ["2.0"]}
    plain = registries(mirrors={"DOCKER_HUB": parse_mirror(double.url)}, credentials=credentials("docker.io"))
    below = registries(mirrors={"DOCKER_HUB": parse_mirror(f"{double.url}/hub/")})
    assert plain.fetch(nginx()).tags == ("1.0",)
    assert below.fetch(nginx()).tags == ("2.0",)
    double.before = demands("Basic", always=True)
    with pytest.raises(FetchFailed):
        plain.fetch(nginx("robot"))
    assert double.authorizations == []  # the credential is for Docker Hub, not for its mirror
