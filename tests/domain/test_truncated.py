"""Given a list that may lack some tags, then nothing that is known is lost, and the record says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from worker.domain import refresh
from worker.domain.image import FailureReason, FetchFailed, ImageRef, TagList
from worker.domain.image_record import ImageRecord
from worker.domain.refresh import RefreshDecision, decide_refresh
from worker.domain.schedule import Intervals

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
REF = ImageRef("OCI", "registry.example", "acme/app")
REASONS: list[FailureReason] = [
    "auth",
    "refused",
    "not_allowed",
    "malformed",
    "unreachable",
    "timeout",
    "not_found",
]


def read(image: ImageRecord, listed: TagList) -> RefreshDecision:
    return decide_refresh(image, listed, NOW, Intervals())


def cut(*tags: str, reason: FailureReason | None = None) -> TagList:
    failure = None if reason is None else FetchFailed(reason, detail="the third page")
    return TagList(tags, truncated=True, failure=failure)


def wait_s(image: ImageRecord) -> float:
    assert image.next_refresh_at is not None
    return (image.next_refresh_at - NOW).total_seconds()


@pytest.fixture
def known() -> ImageRecord:
    return read(ImageRecord(REF), TagList(("4.0", "3.0", "2.0", "1.0"))).image


@pytest.mark.parametrize("tags", [("1.0",), ("1.0", "2.0", "3.0"), ("5.0",), ()])
@pytest.mark.parametrize("reason", [None, *REASONS])
def test_no_known_version_is_lost(
    known: ImageRecord, tags: tuple[str, ...], reason: FailureReason | None
) -> None:
    image = known
    for _ in range(3):  # another reading does not confirm it
        decision = read(image, cut(*tags, reason=reason))
        image = decision.image
        assert set(image.versions) == {*known.versions, *tags}
        assert image.truncated
        assert decision.change is None or decision.change.removed == ()


def test_new_versions_are_told(known: ImageRecord) -> None:
    decision = read(known, cut("5.0", reason="refused"))
    assert (decision.reason, decision.image.revision) == ("changed", 2)
    assert decision.change is not None
    assert (decision.change.added, decision.change.removed) == (("5.0",), ())


def test_what_is_gone_goes_when_the_list_is_read_whole(known: ImageRecord) -> None:
    image = read(known, cut("5.0")).image
    decision = read(image, TagList(("5.0", "4.0", "3.0")))
    assert (decision.image.versions, decision.image.truncated) == (("5.0", "4.0", "3.0"), False)
    assert decision.change is not None
    assert decision.change.removed == ("2.0", "1.0")


@pytest.mark.parametrize("reason", REASONS)
def test_a_failure_between_the_pages_is_a_failure_all_the_same(
    known: ImageRecord, reason: FailureReason
) -> None:
    image = read(known, cut("1.0", reason=reason)).image
    assert (image.state, image.last_error, image.last_detail) == ("ok", reason, "the third page")
    assert (image.failures, image.failing_since, image.synced_at) == (1, NOW, NOW)
    assert image.stale(NOW)
    assert wait_s(image) <= 600


def test_failures_between_the_pages_wait_longer_each_time(known: ImageRecord) -> None:
    image = known
    waits = []
    for _ in range(12):
        image = read(image, cut("1.0", reason="refused")).image
        waits.append(wait_s(image))
    assert waits[0] <= 60 and 1_800 <= waits[-1] <= 3_600
    whole = read(image, TagList(known.versions)).image
    assert (whole.failures, whole.last_error, whole.failing_since) == (0, None, None)


def test_the_first_list_may_be_a_part() -> None:
    decision = read(ImageRecord(REF), cut("1.0", reason="timeout"))
    assert (decision.reason, decision.image.versions, decision.image.truncated) == (
        "first_list",
        ("1.0",),
        True,
    )


def test_a_list_that_is_never_whole_keeps_its_newest(
    known: ImageRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "KEPT", 5)
    assert read(known, cut("0.1", "0.2")).image.versions == ("4.0", "3.0", "2.0", "0.2", "0.1")
    full = read(known, cut(*(f"3.{n}" for n in range(6)), "4.0", "2.0")).image
    assert len(full.versions) == 8
    assert "1.0" not in full.versions


def test_a_list_that_changed_while_it_was_read_may_lack_some(known: ImageRecord) -> None:
    """There are more than were read, and nothing is known of them."""
    assert read(ImageRecord(REF), TagList(("1.0",), shifted=True)).image.truncated
    gained = read(known, TagList(("5.0", *known.versions), shifted=True)).image
    assert gained.truncated
    assert not read(gained, TagList(gained.versions)).image.truncated


def test_a_truncated_list_is_not_due_later_than_another(known: ImageRecord) -> None:
    same = TagList(known.versions)
    assert wait_s(read(known, replace(same, truncated=True)).image) == wait_s(read(known, same).image)
