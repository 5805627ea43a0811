"""The log names each image with its reason, warns when a failure is news, and is not flooded."""

import logging
from collections.abc import Iterator

import pytest

from tests.versions.world import HOST, World
from worker.domain.image import FetchFailed, ImageRef, TagList
from worker.versions.refresh_log import WARNINGS

LOGGER = "worker.versions.refresh_log"


class Lines:
    """The lines that were logged since the last look."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog

    def new(self) -> list[tuple[str, str]]:
        """Return (level, line) of each."""
        found = [
            (record.levelname, record.getMessage())
            for record in self._caplog.records
            if record.name == LOGGER
        ]
        self._caplog.clear()
        return found


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[Lines]:
    with caplog.at_level(logging.INFO, LOGGER):
        yield Lines(caplog)


def again(world: World, ref: ImageRef, answer: FetchFailed | TagList | tuple[str, ...]) -> None:
    world.registry.tags[ref.image] = answer
    world.later(hours=13)
    world.round()


def test_a_failure_is_a_warning_with_its_detail_once(world: World, lines: Lines) -> None:
    ref = world.follow("team/plugin")
    lines.new()
    failure = FetchFailed("auth", detail="registry.test does not let us in (status 403)")
    text = f"could not refresh {ref.key}: auth: registry.test does not let us in (status 403)"
    for level in ("WARNING", "INFO", "INFO"):
        again(world, ref, failure)
        assert lines.new() == [(level, text)]
    again(world, ref, ("1.0",))
    assert lines.new() == [("INFO", f"refreshed {ref.key}: unchanged")]
    again(world, ref, failure)
    assert lines.new() == [("WARNING", text)]


def test_another_reason_is_news(world: World, lines: Lines) -> None:
    ref = world.follow("team/plugin")
    again(world, ref, FetchFailed("auth"))
    lines.new()
    again(world, ref, FetchFailed("timeout", detail="no answer from registry.test: it takes too long"))
    text = f"could not refresh {ref.key}: timeout: no answer from registry.test: it takes too long"
    assert lines.new() == [("WARNING", text)]


def test_not_found_is_news_when_it_is_believed(world: World, lines: Lines) -> None:
    ref = world.plugin("team/typo")
    world.images.ensure(ref, world.clock.now())
    again(world, ref, FetchFailed("not_found"))
    assert [level for level, _ in lines.new()] == ["INFO", "INFO", "WARNING"]
    again(world, ref, FetchFailed("not_found"))
    assert [level for level, _ in lines.new()] == ["INFO"]


def test_a_registry_that_asks_to_be_left_alone_is_news_and_our_own_budget_is_not(
    world: World, lines: Lines
) -> None:
    ref = world.follow("team/plugin")
    lines.new()
    again(world, ref, FetchFailed("throttled", 60, detail=f"{HOST} asks to be left alone (status 429)"))
    level, text = lines.new()[0]
    assert (level, text.endswith("(status 429)")) == ("WARNING", True)
    world.later(hours=13)
    world.dispatch.all_groups()
    world.budget.slot(HOST, "OCI", "another").failed(FetchFailed("throttled", retry_after=60))
    world.work()
    assert lines.new() == [("INFO", f"could not refresh {ref.key}: throttled: the host's budget: cooldown")]


def test_a_truncated_list_is_told_with_its_image(world: World, lines: Lines) -> None:
    ref = world.follow("team/plugin")
    lines.new()
    cut = TagList(("1.0", "2.0"), truncated=True, detail="a page came twice")
    again(world, ref, cut)
    told = "the list is truncated: a page came twice"
    assert lines.new() == [("WARNING", f"refreshed {ref.key}: changed: {told}")]
    assert (world.image(ref).last_error, world.image(ref).last_detail) == (None, told)
    again(world, ref, cut)
    assert lines.new() == [("INFO", f"refreshed {ref.key}: unchanged: {told}")]
    again(world, ref, ("1.0", "2.0"))
    assert world.image(ref).last_detail is None


def test_a_list_that_was_read_in_part_is_told_with_its_image(world: World, lines: Lines) -> None:
    ref = world.follow("team/plugin")
    lines.new()
    failure = FetchFailed("timeout", detail="no answer from registry.test: it takes too long")
    again(world, ref, TagList(("1.0", "2.0"), truncated=True, failure=failure))
    (level, line), *_ = lines.new()
    assert (level, "only a part of the list was read: timeout: no answer" in line) == ("WARNING", True)


def test_many_failing_images_of_a_registry_do_not_flood_the_log(world: World, lines: Lines) -> None:
    for number in range(3 * WARNINGS):
        ref = world.plugin(f"team/plugin-{number}")
        world.registry.tags[ref.image] = FetchFailed("refused", detail="status 500")
        world.images.ensure(ref, world.clock.now())
    world.round()
    found = lines.new()
    assert [level for level, _ in found] == ["WARNING"] * WARNINGS + ["INFO"] * 2 * WARNINGS
    assert f"(more such failures at {HOST} are not warnings for some minutes)" in found[WARNINGS - 1][1]
    assert all("plugin-" in line and "status 500" in line for _, line in found)


def test_another_registry_and_later_failures_are_warnings_again(world: World, lines: Lines) -> None:
    refs = [world.plugin(f"team/plugin-{number}") for number in range(WARNINGS)]
    for ref in refs:
        world.images.ensure(ref, world.clock.now())
        world.registry.tags[ref.image] = FetchFailed("refused")
    world.round()
    other = world.plugin("team/other", host="other.test")
    world.images.ensure(other, world.clock.now())
    again(world, other, FetchFailed("refused"))
    assert ("WARNING", f"could not refresh {other.key}: refused") in lines.new()
    for ref in refs:
        again(world, ref, FetchFailed("malformed"))
    warned = {line.split(": ")[0] for level, line in lines.new() if level == "WARNING"}
    assert warned == {f"could not refresh {ref.key}" for ref in refs}


def test_fields_of_the_log(world: World, caplog: pytest.LogCaptureFixture, lines: Lines) -> None:
    ref = world.plugin("team/plugin")
    world.images.ensure(ref, world.clock.now())
    again(world, ref, FetchFailed("malformed", detail="not a JSON object"))
    record = next(record for record in caplog.records if record.name == LOGGER)
    fields = {name: vars(record)[name] for name in ("subject", "reason", "detail")}
    assert fields == {"subject": ref.key, "reason": "malformed", "detail": "not a JSON object"}
