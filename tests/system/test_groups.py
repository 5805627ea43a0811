"""Large groups, ended in the middle: many commands for one plugin, one that kills, one without effect."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.messages import message
from tests.support.servers import MongoReplicaSet, RedisServer, start_redis, wait_until
from tests.system.stand import QUEUE, Stand, registration, standing
from worker.transport.options import DEFAULT_MAX_DEATHS as MAX_DEATHS

_databases = itertools.count(1)
MakeStand = Callable[..., contextlib.AbstractContextManager[Stand]]
JIRA = {"domain_id": "d", "plugin_id": "jira"}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("groups") / "redis", appendfsync=None)
    yield server
    server.stop()


@pytest.fixture
def make_stand(redis: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path) -> MakeStand:
    """Stands on an empty Redis and a database of their own."""

    def make(without: str = "") -> contextlib.AbstractContextManager[Stand]:
        url = mongodb_server.url(f"groups_{redis.port}_{next(_databases)}")
        with contextlib.closing(Stand(redis.url, url, tmp_path)) as emptied:
            emptied.redis.flushall()
        return standing(redis.url, url, tmp_path, without)

    return make


def found(stand: Stand) -> set[str]:
    """The kinds of problems, once all is decided that was sent."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not stand.redis.exists(QUEUE, f"{QUEUE}:unacked"), 60)
    return {kind for kind, texts in stand.inspect(within_s=3).problems.items() if texts}


# Many commands for one plugin


def _two_hundred(stand: Stand, point: str, nth: int) -> None:
    """The owner ends, or stops, amid 200 commands for one plugin."""
    stand.ready()
    stand.send("0", "register", **registration("d", "jira"))
    stand.answered("0")
    stand.settle()
    stand.arm(point, nth)
    with stand.together():
        for number in range(1, 201):
            stand.send(str(number), "update", **JIRA, tags={"n": number})
    assert stand.fired().returncode == -9
    stand.send("behind", "register", **registration("d", "behind"))
    stand.answered("behind", within_s=120)


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        *(("after_write", nth) for nth in (1, 2, 4)),
        *(("before_settle", nth) for nth in (1, 3, 4)),
        *(("after_settle", 2), ("after_publish", 3), ("before_ack", 120), ("after_decide", 90)),
    ],
)
def test_200_commands_for_one_plugin_have_one_effect_each_in_order(
    make_stand: MakeStand, point: str, nth: int
) -> None:
    with make_stand() as stand:
        _two_hundred(stand, point, nth)
        stand.inspect().assert_clean()


def test_without_settling_after_50_effects_the_first_of_200_are_applied_again(make_stand: MakeStand) -> None:
    with make_stand("few_effects") as stand:
        _two_hundred(stand, "before_settle", 1)
        assert "doubled" in found(stand)


# One that kills


def _deadly_amid_200(stand: Stand) -> str:
    deadly = registration("d", "deadly", name="deadly")
    raw = message("plugin.register", deadly, "deadly", QUEUE)
    stand.ready(1)
    with stand.together():
        for number in range(200):
            if number == 100:
                stand.model.poison[raw] += 1
                stand.push_raw(raw)
            stand.send(str(number), "register", **registration("d", f"p{number}"))
    return "199"


def _revive_until_done(stand: Stand) -> int:
    """Start workers for those that end until nothing waits; how many were started."""
    started = 1

    def done() -> bool:
        nonlocal started
        if not stand.running():
            stand.start()
            started += 1
        return not stand.redis.exists(QUEUE, f"{QUEUE}:unacked")

    wait_until(done, 240, "an empty queue")
    return started


def test_one_that_kills_amid_200_is_parked_alone(make_stand: MakeStand) -> None:
    with make_stand("deadly") as stand:
        last = _deadly_amid_200(stand)
        # Once in company, and then alone until it is parked.
        assert _revive_until_done(stand) == 1 + 1 + MAX_DEATHS
        stand.answered(last)
        stand.inspect().assert_clean()
        (letter,) = stand.database["dead_letters"].find()
        assert (letter["reason"], letter["attempts"]) == ("deaths", MAX_DEATHS)


def test_without_taking_them_alone_its_neighbours_are_parked_too(make_stand: MakeStand) -> None:
    with make_stand("deadly+alone") as stand:
        _deadly_amid_200(stand)
        _revive_until_done(stand)
        assert {"poison", "lost", "answer"} <= found(stand)


# One without effect, before one with an effect


def _unchanged_then_changed(stand: Stand) -> None:
    stand.ready()
    stand.send("0", "register", **registration("d", "jira"))
    stand.answered("0")
    stand.settle()
    stand.arm("after_write")
    with stand.together():
        stand.send("enable", "enable", **JIRA)
        stand.send("again", "register", **registration("d", "jira"))
        stand.send("disable", "disable", **JIRA)
    assert stand.fired().returncode == -9
    stand.answered("enable", "again", "disable")


def test_what_had_no_effect_has_none_when_it_is_delivered_again(make_stand: MakeStand) -> None:
    with make_stand() as stand:
        _unchanged_then_changed(stand)
        stand.inspect().assert_clean()
        assert stand.database["plugins"].find_one({"_id": "d/jira"})["plugin"]["state"] == "DISABLED"  # type: ignore[index]


def test_without_remembering_it_it_has_one(make_stand: MakeStand) -> None:
    with make_stand("no_effect") as stand:
        _unchanged_then_changed(stand)
        assert {"unexpected", "state"} <= found(stand)


def _unchanged_then_changed_in_another_part(stand: Stand) -> None:
    """More commands than are written together are between the two."""
    stand.ready()
    stand.send("0", "register", **registration("d", "jira"))
    stand.answered("0")
    stand.settle()
    stand.arm("after_write", 2)
    with stand.together():
        stand.send("enable", "enable", **JIRA)
        for batch in range(3):
            names = [f"p{batch}-{number}" for number in range(200)]
            items: list[tuple[str, str, dict[str, Any]]] = [
                (name, "register", registration("d", name)) for name in names
            ]
            stand.send_batch(f"batch-{batch}", items)
        stand.send("disable", "disable", **JIRA)
    assert stand.fired().returncode == -9
    stand.answered("enable", "batch-2", "disable")


def test_what_had_no_effect_is_settled_before_a_later_part_changes_its_plugin(make_stand: MakeStand) -> None:
    with make_stand() as stand:
        _unchanged_then_changed_in_another_part(stand)
        stand.inspect().assert_clean()
        assert stand.database["plugins"].find_one({"_id": "d/jira"})["plugin"]["state"] == "DISABLED"  # type: ignore[index]


def test_without_settling_it_has_one_when_it_is_delivered_again(make_stand: MakeStand) -> None:
    with make_stand("settle_what_passed") as stand:
        _unchanged_then_changed_in_another_part(stand)
        assert {"unexpected", "state"} <= found(stand)


# One part of a group is decided while the one before it is written


def _miss_under_what_is_decided_ahead(stand: Stand, point: str = "", nth: int = 1) -> None:
    """The first plugin of the first part has changed since it was read, and is in the second part too."""
    stand.ready()
    names = [f"p{number}" for number in range(200)]
    stand.send_batch("0", [(name, "register", registration("d", name)) for name in names])
    stand.answered("0")
    stand.settle()
    if point:
        stand.arm(point, nth)
    with stand.together():
        for batch in range(1, 4):
            items: list[tuple[str, str, dict[str, Any]]] = [
                (f"{batch}-{name}", "update", {"domain_id": "d", "plugin_id": name, "tags": {"n": batch}})
                for name in names
            ]
            stand.send_batch(f"{batch}", items)
    if point:
        assert stand.fired().returncode == -9
    stand.answered("1", "2", "3")


@pytest.mark.parametrize(
    ("point", "nth"), [("", 1), ("after_second_read", 1), ("before_write", 2), ("after_write", 3)]
)
def test_a_miss_under_what_was_decided_ahead_has_it_decided_again(
    make_stand: MakeStand, point: str, nth: int
) -> None:
    with make_stand("miss_of_1-p0") as stand:
        _miss_under_what_is_decided_ahead(stand, point, nth)
        stand.inspect().assert_clean()


def test_without_that_it_is_written_over_what_never_was(make_stand: MakeStand) -> None:
    with make_stand("miss_of_1-p0+generation") as stand:
        with contextlib.suppress(TimeoutError):
            _miss_under_what_is_decided_ahead(stand)
        assert found(stand)
