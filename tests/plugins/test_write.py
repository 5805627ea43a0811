"""One write: once, in order, announced, whatever happens between its steps."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from contracts import errors
from contracts.commands import Write
from tests.plugins.writes import DEREGISTER, DISABLE, ENABLE, register, update
from tests.support.commands import LostLease, apply, by
from tests.support.mongo_commands import MongoCommands
from tests.support.stream import Stream
from worker.domain.command import Fenced
from worker.domain.record import MAX_APPLIED, MAX_PENDING
from worker.events.unavailable import EventsUnavailable
from worker.plugins.write import OutboxFull
from worker.services import Services

KEY = "d-1/jira"


def test_a_write_is_stored_answered_and_announced(services: Services, stream: Stream) -> None:
    answer = apply(services, register(tags={"$ref": "a", "x.y": 4.0}), by("c-1"))
    assert services.plugins.read(KEY).plugin == answer
    (event,) = stream.entries()
    assert event["type"] == "spaceone.api.repository.v1.PluginChanged"
    assert (event["subject"], event["id"], event["source"]) == (KEY, f"{KEY}@1", "/repositories/repo-local")
    assert json.loads(event["data"]) == {
        "change": "registered",
        "plugin": json.loads(answer.model_dump_json(exclude_none=True)),
        "revision": 1,
        "changed_fields": [],
        "command_id": "c-1",
    }


def test_the_same_id_again_has_one_effect_and_is_answered_with_success(
    services: Services, stream: Stream
) -> None:
    writes: list[Write] = [register(), update(name="N"), DISABLE, ENABLE, DEREGISTER]
    for number, command in enumerate(writes):
        first = apply(services, command, by(f"c-{number}"))
        again = apply(services, command, by(f"c-{number}", redelivered=True, epoch=0))
        assert again == first
    assert [revision for revision, _ in stream.changes()] == [1, 2, 3, 4, 5]
    stream.assert_gapless()


def test_an_applied_command_is_remembered_for_64_effects(services: Services) -> None:
    apply(services, register(), by("c-0"))
    for number in range(1, MAX_APPLIED):
        apply(services, update(name=f"N{number}"), by(f"c-{number}"))
    assert apply(services, register(), by("c-0")).revision == MAX_APPLIED
    apply(services, update(name="one more"), by("c-64"))
    with pytest.raises(errors.PluginAlreadyExists):
        apply(services, register(), by("c-0"))


def test_what_changes_nothing_makes_no_event(services: Services, stream: Stream) -> None:
    apply(services, register(), by("c-1"))
    assert apply(services, ENABLE, by("c-2")).revision == 1
    assert stream.changes() == [(1, "registered")]


def test_a_deregistered_plugin_is_gone_and_its_revision_goes_on(services: Services, stream: Stream) -> None:
    apply(services, register(), by("c-1"))
    apply(services, DEREGISTER, by("c-2"))
    for command in (ENABLE, DEREGISTER, update(name="N")):
        with pytest.raises(errors.PluginNotFound):
            apply(services, command, by(f"c-{type(command).__name__}"))
    assert apply(services, register(), by("c-3")).revision == 3
    assert stream.changes() == [(1, "registered"), (2, "deregistered"), (3, "registered")]


def test_a_deadline_that_has_passed_keeps_a_command_from_being_applied(services: Services) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(errors.DeadlineExceeded):
        apply(services, register(), by("c-1", expires=past))
    apply(services, register(), by("c-1"))
    assert apply(services, register(), by("c-1", expires=past)).revision == 1


def test_a_write_costs_two_mongodb_commands(services: Services, mongodb_url: str) -> None:
    counter = MongoCommands()
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True, event_listeners=[counter]) as client:
        services.database = client.get_default_database()
        for command in (register(), update(name="N"), DISABLE, ENABLE, DEREGISTER):
            counter.clear()
            apply(services, command, by(type(command).__name__))
            assert counter.names == (["find", "update"] if command == register() else ["update"])


def test_what_was_written_by_a_clock_ahead_is_swept_as_well(services: Services, stream: Stream) -> None:
    apply(services, register(), by("c-1"))
    services.redis.flushdb()
    ahead = datetime.now(UTC) + timedelta(hours=1)
    services.database["plugins"].update_one({"_id": KEY}, {"$set": {"pending_at": ahead}})

    services.sweep().pending()
    assert stream.changes() == [(1, "registered")]


class TestFence:
    """An owner that lost its lease cannot write over what came after."""

    def test_a_lower_epoch_cannot_write(self, services: Services) -> None:
        apply(services, register(), by("c-1", epoch=7))
        with pytest.raises(Fenced):
            apply(services, DISABLE, by("c-2", epoch=6, lease=LostLease))
        assert services.plugins.read(KEY).revision == 1

    def test_an_owner_frozen_before_its_write_does_not_apply_twice(
        self, services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(services, register(), by("c-1", epoch=1))
        newer = another()
        frozen_write = services.plugins.write_many

        def thaw_after_a_hundred(*arguments: Any) -> bool:
            monkeypatch.setattr(services.plugins, "write_many", frozen_write)
            apply(newer, update(name="N"), by("c-2", epoch=2, redelivered=True))
            for number in range(99):
                apply(newer, update(name=f"N{number}"), by(f"n-{number}", epoch=2))
            return frozen_write(*arguments)

        monkeypatch.setattr(services.plugins, "write_many", thaw_after_a_hundred)
        with pytest.raises(Fenced):
            apply(services, update(name="N"), by("c-2", epoch=1, lease=LostLease))
        record = services.plugins.read(KEY)
        assert record.revision == 101
        assert record.plugin is not None and record.plugin.name == "N98"

    def test_a_lease_that_is_still_ours_raises_its_epoch(self, services: Services) -> None:
        apply(services, register(), by("c-1", epoch=1000))
        apply(services, DISABLE, by("c-2", epoch=5))
        assert services.plugins.read(KEY).fence == 1001

    @pytest.mark.parametrize("known", [True, False])
    def test_a_redelivered_refusal_is_final(
        self,
        services: Services,
        another: Callable[[], Services],
        known: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The first owner read, decided to register, and froze; its successor refuses the command."""
        if known:
            apply(services, register(), by("c-0", epoch=1))
            apply(services, DEREGISTER, by("c-00", epoch=1))
        newer, frozen_write = another(), services.plugins.write_many
        past = datetime.now(UTC) - timedelta(seconds=1)

        def thaw(*arguments: Any) -> bool:
            monkeypatch.setattr(services.plugins, "write_many", frozen_write)
            with pytest.raises(errors.DeadlineExceeded):
                apply(newer, register(), by("c-1", epoch=2, redelivered=True, expires=past))
            return frozen_write(*arguments)

        monkeypatch.setattr(services.plugins, "write_many", thaw)
        with pytest.raises(Fenced):
            apply(services, register(), by("c-1", epoch=1, lease=LostLease))
        assert services.plugins.read(KEY).plugin is None

    def test_without_its_fence_a_redelivered_refusal_is_not_final(
        self, services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The protection taken out: the same story ends with a command that was refused and applied."""
        newer, frozen_write = another(), services.plugins.write_many
        monkeypatch.setattr(newer.writer, "_raise_fences", lambda plans, epoch: set())
        past = datetime.now(UTC) - timedelta(seconds=1)

        def thaw(*arguments: Any) -> bool:
            with pytest.raises(errors.DeadlineExceeded):
                apply(newer, register(), by("c-1", epoch=2, redelivered=True, expires=past))
            return frozen_write(*arguments)

        monkeypatch.setattr(services.plugins, "write_many", thaw)
        apply(services, register(), by("c-1", epoch=1, lease=LostLease))
        assert services.plugins.read(KEY).plugin is not None


class TestPublish:
    """An event goes out once and in order, whenever the process or Redis ends."""

    def test_a_crash_between_write_and_publish_is_made_good_by_the_redelivery(
        self,
        services: Services,
        another: Callable[[], Services],
        stream: Stream,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(services.publisher, "publish_many", _crash)
        with pytest.raises(Crash):
            apply(services, register(), by("c-1", epoch=1))
        assert stream.changes() == []
        apply(another(), register(), by("c-1", epoch=2, redelivered=True))
        assert stream.changes() == [(1, "registered")]

    def test_a_crash_between_write_and_publish_is_made_good_by_the_next_write(
        self,
        services: Services,
        another: Callable[[], Services],
        stream: Stream,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(services.publisher, "publish_many", _crash)
        with pytest.raises(Crash):
            apply(services, register(), by("c-1"))
        apply(another(), DISABLE, by("c-2"))
        assert stream.changes() == [(1, "registered"), (2, "disabled")]

    def test_published_events_leave_the_outbox_with_the_next_write(self, services: Services) -> None:
        apply(services, register(), by("c-1"))
        apply(services, DISABLE, by("c-2"))
        assert [entry.revision for entry in services.plugins.read(KEY).outbox] == [2]

    def test_a_full_outbox_is_published_first_and_nothing_is_sliced_off(
        self,
        services: Services,
        another: Callable[[], Services],
        stream: Stream,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        with monkeypatch.context() as silent:
            silent.setattr(services.publisher, "publish_many", lambda subjects: [])
            apply(services, register(), by("c-0"))
            for number in range(1, MAX_PENDING):
                apply(services, update(name=f"N{number}"), by(f"c-{number}"))
        assert len(services.plugins.read(KEY).outbox) == MAX_PENDING
        with monkeypatch.context() as away:
            away.setattr(services.publisher, "publish", _away)
            with pytest.raises(EventsUnavailable):
                apply(services, update(name="waits"), by("c-64"))
        assert services.plugins.read(KEY).revision == MAX_PENDING
        apply(another(), update(name="waits"), by("c-64"))
        assert [revision for revision, _ in stream.changes()] == list(range(1, MAX_PENDING + 2))

    def test_a_full_outbox_under_a_stream_that_is_ahead_makes_the_command_wait(
        self, services: Services, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.domain.record.MAX_PENDING", 2)
        stream.client.hset("plugin.events:revisions", f"PluginChanged|{KEY}", "9:other")
        commands: list[Write] = [register(), DISABLE]
        for number, command in enumerate(commands):
            apply(services, command, by(f"c-{number}"))
        with pytest.raises(OutboxFull):
            apply(services, ENABLE, by("c-2"))


class Crash(BaseException):
    """The process ends here."""


def _crash(*_: Any) -> None:
    raise Crash


def _away(*_: Any) -> None:
    raise EventsUnavailable("away")


def test_writes_go_on_being_announced_after_redis_has_lost_everything(
    services: Services, another: Callable[[], Services], stream: Stream
) -> None:
    apply(services, register(), by("c-1"))
    apply(services, update(name="A"), by("c-2"))
    stream.client.flushall()
    apply(services, update(name="B"), by("c-3"))
    apply(services, update(name="C"), by("c-4"))
    apply(another(), update(name="D"), by("c-5"))
    assert stream.changes() == [(3, "resynced"), (4, "updated"), (5, "updated")]
    stream.assert_gapless()
