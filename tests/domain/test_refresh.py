"""What a registry's answer means for an image."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.domain.events import Users
from worker.domain.image import FetchFailed, ImageRef, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.refresh import RefreshDecision, decide_refresh
from worker.domain.schedule import Intervals

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REF = ImageRef("DOCKER_HUB", "registry.hub.docker.com", "pyengine/plugin")
INTERVALS = Intervals()


def read(image: ImageRecord, *tags: str, **listing: Any) -> RefreshDecision:
    return decide_refresh(image, TagList(tags, **listing), NOW, INTERVALS)


def fail(image: ImageRecord, *reasons: Any) -> RefreshDecision:
    for reason in reasons:
        decision = decide_refresh(image, FetchFailed(reason), NOW, INTERVALS)
        image = decision.image
    return decision


@pytest.fixture
def known() -> ImageRecord:
    """An image with the versions 1.0 to 4.0."""
    return read(ImageRecord(REF), "1.0", "3.0", "2.0", "4.0").image


def wait_s(decision: RefreshDecision) -> float:
    assert decision.image.next_refresh_at is not None
    return (decision.image.next_refresh_at - NOW).total_seconds()


def test_first_list_is_revision_one_and_initial() -> None:
    decision = read(ImageRecord(REF), "1.0", "latest", "2.0")
    image = decision.image
    assert decision.reason == "first_list"
    assert (image.state, image.revision, image.versions) == ("ok", 1, ("2.0", "1.0", "latest"))
    assert image.synced_at == image.changed_at == NOW
    assert decision.change is not None
    assert decision.change.initial
    assert 3_240 <= wait_s(decision) <= 3_960


def test_the_same_list_in_another_order_changes_nothing(known: ImageRecord) -> None:
    decision = read(known, "4.0", "2.0", "1.0", "3.0")
    assert (decision.reason, decision.change, decision.image.revision) == ("unchanged", None, 1)
    assert decision.image.interval_s == 4_500


def test_a_list_kept_in_another_order_is_put_in_order_and_is_no_change(known: ImageRecord) -> None:
    """It was kept by a version of this program that ordered otherwise."""
    kept = replace(known, versions=("1.0", "4.0", "2.0", "3.0"))
    decision = read(kept, "1.0", "2.0", "3.0", "4.0")
    assert (decision.reason, decision.change, decision.image.revision) == ("unchanged", None, 1)
    assert decision.image.versions == ("4.0", "3.0", "2.0", "1.0")


def test_a_change_is_one_revision_with_what_came_and_went(known: ImageRecord) -> None:
    decision = read(known, "5.0", "4.0", "3.0", "2.0")
    assert (decision.reason, decision.image.revision) == ("changed", 2)
    assert decision.change is not None
    assert (decision.change.added, decision.change.removed) == (("5.0",), ("1.0",))
    assert not decision.change.initial
    assert decision.image.interval_s == 1_800


def test_the_newest_tags_alone_are_joined_to_what_is_known(known: ImageRecord) -> None:
    decision = read(known, "5.0", "4.0", complete=False)
    assert decision.image.versions == ("5.0", "4.0", "3.0", "2.0", "1.0")
    assert read(known, "4.0", complete=False).reason == "unchanged"


def test_signatures_alone_are_stored_and_not_told(known: ImageRecord) -> None:
    decision = read(known, "1.0", "2.0", "3.0", "4.0", "sha256-" + "a" * 64 + ".sig")
    assert (decision.reason, decision.change, decision.image.revision) == ("changed_hidden", None, 1)
    assert len(decision.image.versions) == 5


@pytest.mark.parametrize("tags", [(), ("4.0",)])
def test_a_list_that_lost_most_counts_at_the_second_reading(
    known: ImageRecord, tags: tuple[str, ...]
) -> None:
    first = read(known, *tags)
    assert (first.reason, first.change) == ("loss_unconfirmed", None)
    assert first.image.versions == known.versions
    assert first.image.synced_at == known.synced_at
    assert wait_s(first) == 60
    second = read(first.image, *tags)
    assert (second.reason, second.image.versions, second.image.revision) == ("changed", tags, 2)


def test_half_a_list_lost_is_believed_at_once(known: ImageRecord) -> None:
    assert read(known, "4.0", "3.0").reason == "changed"


def test_a_loss_that_was_a_slip_is_forgotten(known: ImageRecord) -> None:
    slip = read(known).image
    back = read(slip, *known.versions)
    assert (back.reason, back.image.suspicious) == ("unchanged", None)
    assert read(back.image).reason == "loss_unconfirmed"


def test_a_loss_is_confirmed_by_another_although_the_list_goes_on(known: ImageRecord) -> None:
    """A repository that was purged, with a push between any two readings."""
    decision = read(read(known, "4.0").image, "4.0", "5.0")
    assert (decision.reason, decision.image.versions) == ("changed", ("5.0", "4.0"))
    assert decision.image.suspicious is None


def test_an_empty_list_is_confirmed_by_an_empty_one_alone(known: ImageRecord) -> None:
    emptied = read(read(known, "4.0").image)
    assert emptied.reason == "loss_unconfirmed"
    assert read(emptied.image).image.versions == ()


def test_a_list_that_changed_while_it_was_read_takes_nothing_at_first(known: ImageRecord) -> None:
    held = read(known, "5.0", "4.0", "2.0", "1.0", shifted=True)
    assert (held.reason, held.image.versions) == ("loss_unconfirmed", known.versions)
    settled = read(held.image, "5.0", "4.0", "3.0", "2.0", "1.0")
    assert settled.change is not None
    assert (settled.change.added, settled.change.removed) == (("5.0",), ())
    again = read(held.image, "5.0", "4.0", "2.0", "1.0", shifted=True)
    assert again.change is not None
    assert again.change.removed == ("3.0",)


def test_a_list_that_changed_while_it_was_read_may_gain_at_once(known: ImageRecord) -> None:
    assert read(known, "5.0", *known.versions, shifted=True).reason == "changed"


def test_a_truncated_list_tells_of_nothing_removed(known: ImageRecord) -> None:
    """The newest tags as far as the cap: what is pushed out is still there."""
    change = read(known, "5.0", "4.0", "3.0", "2.0", truncated=True).change
    assert change is not None
    assert (change.added, change.removed) == (("5.0",), ())


def test_a_first_list_that_is_empty_is_read_again_at_once() -> None:
    first = read(ImageRecord(REF))
    assert (first.reason, first.urgent, first.image.listed) == ("loss_unconfirmed", True, False)
    second = read(first.image)
    assert (second.reason, second.image.versions, second.image.state) == ("first_list", (), "ok")


def test_throttling_is_not_the_images_fault(known: ImageRecord) -> None:
    assert fail(known, "throttled") == RefreshDecision(known, None, "throttled")


@pytest.mark.parametrize(
    ("reason", "state"),
    [("auth", "auth_failed")]
    + [
        (reason, "unavailable")
        for reason in ("refused", "not_allowed", "malformed", "unreachable", "timeout")
    ],
)
def test_a_failure_keeps_the_list_and_says_so(known: ImageRecord, reason: str, state: str) -> None:
    decision = fail(known, reason)
    image = decision.image
    assert (decision.reason, image.state, image.last_error) == (reason, state, reason)
    assert (image.versions, image.revision, image.synced_at) == (known.versions, 1, NOW)
    assert image.stale(NOW)


def test_failures_in_a_row_wait_longer_and_a_list_ends_them(known: ImageRecord) -> None:
    waits = [wait_s(fail(known, *["refused"] * n)) for n in (1, 3, 20)]
    assert 30 <= waits[0] <= 60
    assert 120 <= waits[1] <= 240
    assert 1_800 <= waits[2] <= 3_600
    recovered = read(fail(known, "timeout").image, *known.versions).image
    assert (recovered.state, recovered.failures, recovered.last_error) == ("ok", 0, None)


def test_a_registry_that_names_a_time_is_not_asked_before(known: ImageRecord) -> None:
    decision = decide_refresh(known, FetchFailed("refused", retry_after=7_200), NOW, INTERVALS)
    assert wait_s(decision) == 7_200


def test_not_found_is_believed_at_the_third_in_a_row(known: ImageRecord) -> None:
    assert [fail(known, *["not_found"] * n).image.state for n in (1, 2, 3)] == ["ok", "ok", "not_found"]
    interrupted = fail(known, "not_found", "not_found", "malformed", "not_found", "not_found")
    assert interrupted.reason == "not_found_unconfirmed"
    assert fail(known, *["not_found"] * 3).image.versions == known.versions


def test_not_found_before_the_first_list_is_tried_again_at_once() -> None:
    decision = fail(ImageRecord(REF), "not_found")
    assert (decision.urgent, wait_s(decision), decision.image.state) == (True, 0, "pending")
    third = fail(ImageRecord(REF), *["not_found"] * 3)
    assert (third.urgent, third.image.state) == (False, "not_found")
    assert 300 <= wait_s(third) <= 600


def test_a_truncated_list_stays_so_until_it_is_read_whole(known: ImageRecord) -> None:
    cut = read(known, "1.0", "2.0", "3.0", "4.0", truncated=True).image
    assert cut.truncated
    assert read(cut, "4.0", complete=False).image.truncated
    assert not read(cut, "1.0", "2.0", "3.0", "4.0").image.truncated


def test_stale_is_past_its_time_or_failed_or_parked(known: ImageRecord) -> None:
    assert not known.stale(NOW)
    assert known.stale(NOW + timedelta(hours=2))
    assert replace(known, next_refresh_at=None).stale(NOW)


def test_the_event_holds_at_most_a_hundred_names_each() -> None:
    decision = read(ImageRecord(REF), *(f"1.{n}" for n in range(250)))
    assert decision.change is not None
    users = Users(tuple((f"domain-{n}", "plugin") for n in range(100)), 4_000)
    (event,) = decision.image.announced(decision.change, users, NOW).outbox
    data = json.loads(event.data)
    assert (len(data["added"]), len(data["plugins"]), data["plugin_count"]) == (100, 100, 4_000)
    assert (data["total_count"], data["latest"], data["added"][0]) == (250, "1.249", "1.249")
    assert (data["revision"], data["initial"], event.revision) == (1, True, 1)
