"""Each protection of the write path taken out: the very same course of events must then be found wrong.

Every test names the kinds of problems that have to be found, and no test passes by luck: the process ends or
stops at the point where the protection is what counts.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.servers import (
    ChildProcess,
    MongoReplicaSet,
    RedisServer,
    free_port,
    start_redis,
    wait_until,
)
from tests.system import pause_stories
from tests.system.stand import QUEUE, Stand, registration, send_story, standing

#: The workers of a stand sweep every 0.2 s what is older than 0.3 s.
SWEPT_S = 3.0

_stands = itertools.count(1)
MakeStand = Callable[..., contextlib.AbstractContextManager[Stand]]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = start_redis(tmp_path_factory.mktemp("protections") / "redis", appendfsync=None)
    yield server
    server.stop()


@pytest.fixture
def make_stand(
    redis: RedisServer, mongodb_server: MongoReplicaSet, tmp_path: Path, request: pytest.FixtureRequest
) -> MakeStand:
    """Stands on an empty Redis and a database of their own."""

    def make(without: str, group_max: int = 256) -> contextlib.AbstractContextManager[Stand]:
        with contextlib.closing(Stand(redis.url, mongodb_server.url(), tmp_path)) as emptied:
            emptied.redis.flushall()
        url = mongodb_server.url(f"without_{redis.port}_{next(_stands)}")
        return standing(redis.url, url, tmp_path, without, group_max)

    return make


def _found(stand: Stand, within_s: float = SWEPT_S) -> set[str]:
    """The kinds of problems, once all is decided that was sent, and what a sweep publishes is published."""
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not stand.redis.exists(QUEUE, f"{QUEUE}:unacked"), 20)
    return {kind for kind, texts in stand.inspect(within_s).problems.items() if texts}


def _crash(stand: Stand, point: str, nth: int = 2) -> None:
    """The owner ends at `point` with the standby behind it, which then goes through all that was sent."""
    stand.ready()
    stand.arm(point, nth)
    send_story(stand, "d")
    assert stand.fired().returncode == -9
    # Whatever is behind the story is decided after all of it.
    stand.send("behind", "register", **registration("behind", "jira"))
    stand.answered("behind")


def test_without_acknowledging_late_a_crash_loses_the_command(make_stand: MakeStand) -> None:
    with make_stand("late_ack", group_max=1) as stand:
        _crash(stand, "before_write")
        assert {"lost", "answer"} <= _found(stand)


def test_without_the_atomic_pop_a_crash_loses_the_command(make_stand: MakeStand) -> None:
    with make_stand("atomic_pop", group_max=1) as stand:
        _crash(stand, "between_pop_and_record")
        assert {"lost", "answer"} <= _found(stand)


def test_without_the_applied_ids_a_command_is_applied_again(make_stand: MakeStand) -> None:
    with make_stand("applied", group_max=1) as stand:
        _crash(stand, "after_write", 5)
        # It is the deregister, answered with success in truth.
        assert "answer" in _found(stand)


def test_without_the_applied_ids_a_resent_command_has_two_effects(make_stand: MakeStand) -> None:
    with make_stand("applied", group_max=1) as stand:
        stand.ready(1)
        of = {"domain_id": "d", "plugin_id": "jira"}
        stand.send("1", "register", **registration("d", "jira"))
        for command_id in ("2", "3", "2"):
            stand.send(command_id, "update", **of, tags={"by": command_id})
        stand.answered("1", "2", "3")
        assert {"doubled", "state"} <= _found(stand)


def test_without_the_publishing_script_a_crash_doubles_the_event(make_stand: MakeStand) -> None:
    with make_stand("publishing_script", group_max=1) as stand:
        _crash(stand, "after_publish")
        assert {"doubled", "gap"} <= _found(stand)


def test_without_the_outbox_a_crash_loses_the_event(make_stand: MakeStand) -> None:
    with make_stand("outbox", group_max=1) as stand:
        _crash(stand, "after_write")
        assert {"lost", "gap"} <= _found(stand)


def test_without_the_sweep_events_wait_for_ever(make_stand: MakeStand) -> None:
    with make_stand("publishing") as stand:
        stand.ready(1)
        stand.send("1", "register", **registration("d", "jira"))
        stand.answered("1")
        assert {"lost", "left"} <= _found(stand)


def test_the_sweep_publishes_what_waits(make_stand: MakeStand) -> None:
    """The counterpart: the same, and then one worker that sweeps."""
    with make_stand("publishing") as stand:
        stand.ready(1)
        stand.send("1", "register", **registration("d", "jira"))
        stand.answered("1")
        stand.running()[0].kill()
        stand.start(TEST_WITHOUT="")
        stand.inspect().assert_clean()


def test_without_the_places_of_the_returned_newer_commands_go_first(make_stand: MakeStand) -> None:
    with make_stand("place_of_the_returned", group_max=1) as stand:
        stand.ready()
        of = {"domain_id": "d", "plugin_id": "jira"}
        # Whoever takes over does so when all has been sent.
        standby = stand.standby()
        standby.pause()
        stand.arm("before_write", 2)
        stand.send("1", "register", **registration("d", "jira"))
        for command_id in ("2", "3"):
            stand.send(command_id, "update", **of, tags={"by": command_id})
        assert stand.fired().returncode == -9
        standby.resume()
        stand.answered("1", "2", "3")
        assert {"disorder", "state"} <= _found(stand)


def test_without_waiting_an_outage_parks_the_command(make_stand: MakeStand) -> None:
    with make_stand("waiting") as stand:
        _send_while_events_are_away(stand)
        wait_until(lambda: stand.database["dead_letters"].count_documents({}), 60, "the dead letter")


def test_without_giving_back_the_end_of_a_worker_loses_the_command(make_stand: MakeStand) -> None:
    with make_stand("giving_back") as stand:
        _end_while_it_waits(stand)
        assert not stand.redis.exists(QUEUE, f"{QUEUE}:unacked", "celery-task-meta-1")


def test_a_worker_that_ends_while_it_waits_gives_back(make_stand: MakeStand) -> None:
    """The counterpart."""
    with make_stand("") as stand:
        _end_while_it_waits(stand)
        assert stand.redis.llen(QUEUE) == 1
        stand.start()
        stand.answered("1")
        stand.inspect().assert_clean()


def _send_while_events_are_away(stand: Stand) -> ChildProcess:
    worker = stand.start(PLUGINS_EVENTS_URL=f"redis://127.0.0.1:{free_port()}/0")
    stand.send("1", "register", **registration("d", "jira"))
    return worker


def _end_while_it_waits(stand: Stand) -> None:
    worker = _send_while_events_are_away(stand)
    worker.wait_for_output(" 1 waits: ", 60)
    worker.terminate()
    wait_until(lambda: not worker.running, 60, "its end")


def test_without_parking_poison_is_lost(make_stand: MakeStand) -> None:
    with make_stand("parking") as stand:
        _send_poison(stand)
        assert _found(stand, within_s=60) == {"poison"}


def test_poison_is_kept_whole(make_stand: MakeStand) -> None:
    """The counterpart."""
    with make_stand("") as stand:
        _send_poison(stand)
        stand.inspect().assert_clean()


def _send_poison(stand: Stand) -> None:
    stand.ready(1)
    stand.model.poison[b"no JSON"] += 1
    stand.redis.lpush(QUEUE, b"no JSON")
    stand.send("1", "register", **registration("d", "jira"))
    stand.answered("1")


@pytest.mark.parametrize(
    ("without", "story", "expected"),
    [
        ("fence", lambda stand: pause_stories.many_commands_later(stand, "d", "before_write"), "doubled"),
        ("fence_of_refusals", lambda stand: pause_stories.refused_meanwhile(stand, "d"), "unexpected"),
        ("revision+fence", lambda stand: pause_stories.one_command_later(stand, "d"), "state"),
        ("no_effect", lambda stand: pause_stories.batch_decided_again(stand, "d"), "unexpected"),
        (
            "epoch_of_a_settlement+giving_back",
            lambda stand: pause_stories.former_owner_settles(stand, "d"),
            "answer",
        ),
    ],
    ids=["fence", "fence_of_refusals", "revision", "no_effect", "epoch_of_a_settlement"],
)
def test_without_it_a_worker_that_stood_still_does_harm(
    make_stand: MakeStand, without: str, story: Callable[[Stand], None], expected: str
) -> None:
    with make_stand(without) as stand:
        with contextlib.suppress(TimeoutError):
            story(stand)
        assert expected in _found(stand)
