"""Commands that are applied together: as if one after the other, with few commands of MongoDB."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from contracts.commands import Write
from contracts.errors import ContractError
from contracts.parse import parse
from tests.plugins.writes import DEREGISTER, DISABLE, ENABLE, register, update
from tests.support.commands import OwnLease, by, command_of
from tests.support.mongo_commands import MongoCommands
from tests.support.stream import Stream
from worker.domain.command import Command
from worker.plugins.plan import Done, Plan
from worker.services import Services

KEY = "d-1/jira"


def group(*writes: Write, prefix: str = "c", redelivered: bool = False) -> list[Command]:
    """A command for each write, with the ids c-0, c-1 and so on."""
    ways = [by(f"{prefix}-{n}", redelivered=redelivered) for n in range(len(writes))]
    return [command_of(write, how, is_item=False) for write, how in zip(writes, ways, strict=True)]


def applied(services: Services, commands: list[Command], epoch: int = 1, again: bool = False) -> list[Any]:
    """Applies and announces; returns a revision or a code for each command."""
    done = services.writer.apply(commands, OwnLease(epoch), again)
    services.publisher.publish_many(done.subjects)
    return [o.plugin.revision if isinstance(o, Done) else o.code for o in done.outcomes]


def state(services: Services) -> str:
    record = services.plugins.read(KEY)
    assert record.plugin is not None
    return record.plugin.state


def test_a_group_is_applied_in_order(services: Services, stream: Stream) -> None:
    outcomes = applied(
        services, group(register(), ENABLE, DISABLE, register(), DEREGISTER, ENABLE, register())
    )
    assert outcomes == [1, 1, 2, "ALREADY_EXISTS", 2, "NOT_FOUND", 4]
    assert [change for _, change in stream.changes()] == [
        "registered",
        "disabled",
        "deregistered",
        "registered",
    ]
    stream.assert_gapless()


def test_the_same_id_twice_in_a_group_has_one_effect(services: Services, stream: Stream) -> None:
    once = group(register())
    assert applied(services, [*once, *once]) == [1, 1]
    assert stream.changes() == [(1, "registered")]


@pytest.mark.parametrize("size", [1, 20, 400])
def test_a_group_costs_one_read_and_one_write_and_no_read_where_this_owner_wrote_last(
    services: Services, mongodb_url: str, size: int
) -> None:
    counter = MongoCommands()
    names = [f"p{n}" for n in range(size)]
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True, event_listeners=[counter]) as client:
        services.database = client.get_default_database()
        applied(services, group(*(register(f"acme/{name}") for name in names)))
        assert counter.names == ["find", "update"]
        counter.clear()
        applied(services, group(*(update(plugin_id=name, name="N") for name in names), prefix="u"))
        assert counter.names == ["update"]


def test_a_new_owner_reads_what_another_one_may_have_written(
    services: Services, another: Callable[[], Services], stream: Stream
) -> None:
    applied(services, group(register()), epoch=1)
    applied(another(), group(DISABLE, prefix="d"), epoch=2)
    assert applied(services, group(DISABLE, ENABLE, prefix="e"), epoch=3) == [2, 3]
    stream.assert_gapless()


class TestRemembered:
    """What this owner wrote last, and another process has changed since, as `plugins events reconcile` does."""

    @pytest.fixture
    def changed(self, services: Services, another: Callable[[], Services]) -> Services:
        applied(services, group(register()))
        applied(another(), group(DISABLE, prefix="x"))
        return services

    def test_a_write_over_it_misses_and_is_decided_again(self, changed: Services, stream: Stream) -> None:
        assert applied(changed, group(update(name="N"), prefix="u")) == [3]
        stream.assert_gapless()
        assert state(changed) == "DISABLED"

    def test_it_answers_nothing(self, changed: Services) -> None:
        """It says ENABLED, which is no longer so."""
        assert applied(changed, group(ENABLE, prefix="e")) == [3]
        assert state(changed) == "ENABLED"

    def test_without_the_second_look_it_would(
        self, changed: Services, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The protection taken out."""
        monkeypatch.setattr(Plan, "writes", property(lambda plan: True))
        monkeypatch.setattr(changed.writer, "_write", lambda plans, epoch: set())
        applied(changed, group(ENABLE, prefix="e"))
        assert state(changed) == "DISABLED"


class TestRedelivered:
    """A process ended between the write and the settlement: the messages come again, each alone."""

    STORY: tuple[Write, ...] = (
        register(),
        ENABLE,
        update(name="A", expected_revision=9),
        DISABLE,
        register(),
    )

    def again(self, services: Services) -> list[Any]:
        return [applied(services, [command], epoch=2)[0] for command in group(*self.STORY, redelivered=True)]

    def test_what_had_no_effect_before_an_effect_is_not_decided_again(
        self, services: Services, another: Callable[[], Services], stream: Stream
    ) -> None:
        first = applied(services, group(*self.STORY))
        assert first == [1, 1, "REVISION_CONFLICT", 2, "ALREADY_EXISTS"]
        assert self.again(another()) == [2, 2, "DECIDED_BEFORE", 2, "ALREADY_EXISTS"]
        assert stream.changes() == [(1, "registered"), (2, "disabled")]
        assert state(services) == "DISABLED"

    def test_without_that_it_is_out_of_order(
        self, services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The protection taken out: ENABLE, which came before DISABLE, has an effect after it."""
        with monkeypatch.context() as unprotected:
            unprotected.setattr("worker.plugins.plan.replace", lambda record, **_: record)
            applied(services, group(*self.STORY))
        self.again(another())
        assert state(services) == "ENABLED"

    def test_it_says_the_first_code(self, services: Services, another: Callable[[], Services]) -> None:
        applied(services, group(*self.STORY))
        (outcome,) = another().writer.apply([group(*self.STORY, redelivered=True)[2]], OwnLease(2)).outcomes
        assert isinstance(outcome, ContractError)
        assert outcome.details["code"] == "REVISION_CONFLICT"

    def test_what_is_sent_again_is_decided_again(self, services: Services) -> None:
        applied(services, group(*self.STORY))
        assert applied(services, [group(*self.STORY)[1]]) == [3]

    def test_it_is_forgotten_with_the_next_write(self, services: Services) -> None:
        applied(services, group(*self.STORY))
        passed = [(entry.id, entry.code) for entry in services.plugins.read(KEY).no_effect]
        assert passed == [("c-1", ""), ("c-2", "REVISION_CONFLICT")]
        applied(services, group(ENABLE, prefix="later"))
        assert services.plugins.read(KEY).no_effect == ()
        assert "no_effect" not in services.database["plugins"].find_one({"_id": KEY})

    def test_in_rounds_it_stays_until_all_is_settled(
        self, services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("worker.domain.record.MAX_PENDING", 1)
        assert applied(services, group(*self.STORY))[:2] == [1, 1]
        assert self.again(another())[:4] == [2, 2, "DECIDED_BEFORE", 2]


WRITES = st.sampled_from(
    [
        register(),
        ENABLE,
        DISABLE,
        DEREGISTER,
        update(name="A"),
        update(name="B"),
        update(name="B", expected_revision=3),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WRITES, max_size=12), st.lists(st.integers(1, 5), min_size=12, max_size=12))
def test_groups_of_any_size_are_as_one_at_a_time(
    services: Services, another: Callable[[], Services], writes: list[Write], sizes: list[int]
) -> None:
    services.database["plugins"].delete_many({})
    services.redis.flushdb()
    one, other = another(), another()
    single = [applied(one, [command])[0] for command in group(*writes)]
    expected = one.plugins.read(KEY)
    services.database["plugins"].delete_many({})
    services.redis.flushdb()
    together: list[Any] = []
    left, cuts = group(*writes), iter(sizes)
    while left:
        size = next(cuts)
        together += applied(other, left[:size])
        left = left[size:]
    assert together == single
    found = other.plugins.read(KEY)
    assert (found.revision, found.applied) == (expected.revision, expected.applied)
    assert bool(found.plugin) == bool(expected.plugin)


def test_a_command_that_a_parse_made_is_like_any_other(services: Services) -> None:
    parsed = parse(type(register()), register().model_dump(exclude_none=True))
    assert applied(services, group(parsed)) == [1]
