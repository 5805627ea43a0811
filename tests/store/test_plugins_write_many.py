"""Many guarded writes and many fences in one command: which took effect, and what an error means."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from contracts.commands import DisablePlugin, RegisterPlugin, Write
from contracts.errors import StoreUnavailable
from tests.support.mongo_commands import MongoCommands
from tests.support.subjects import POLICY
from worker.domain.plugin import Changed, decide
from worker.domain.record import Record
from worker.store import plugins as plugins_module
from worker.store.plugins import GuardedWrite, Plugins

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEYS = ["d/a", "d/b", "d/c"]


@pytest.fixture
def commands() -> MongoCommands:
    return MongoCommands()


@pytest.fixture
def database(mongodb_url: str, commands: MongoCommands) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True, event_listeners=[commands]) as client:
        yield client.get_default_database(write_concern=WriteConcern("majority", 10_000))


@pytest.fixture
def plugins(database: Database[dict[str, Any]]) -> Plugins:
    return Plugins(database, POLICY.repository)


def changed(record: Record, command: Write, command_id: str) -> Record:
    decision = decide(record.plugin, record.revision, command, NOW, POLICY)
    assert isinstance(decision, Changed)
    return record.apply(decision, command_id, NOW, None)


def registration(key: str, epoch: int = 5) -> GuardedWrite:
    domain_id, _, plugin_id = key.partition("/")
    command = RegisterPlugin(domain_id=domain_id, name="n", service_type="s", image=f"a/{plugin_id}")
    return GuardedWrite(Record(key), changed(Record(key), command, "c-1"), epoch)


def disabling(record: Record, epoch: int = 5) -> GuardedWrite:
    domain_id, _, plugin_id = record.key.partition("/")
    return GuardedWrite(
        record, changed(record, DisablePlugin(domain_id=domain_id, plugin_id=plugin_id), "c-2"), epoch
    )


def stored(plugins: Plugins) -> list[tuple[int, int]]:
    """Revision and fence of each of `KEYS`."""
    return [(record.revision, record.fence) for record in plugins.read_many(KEYS).values()]


def test_all_take_effect_in_one_command(plugins: Plugins, commands: MongoCommands) -> None:
    assert plugins.write_many([registration(key) for key in KEYS], NOW)
    assert commands.take() == ["update"]
    assert plugins.write_many([disabling(r) for r in plugins.read_many(KEYS).values()], NOW)
    assert commands.take() == ["find", "update"]
    assert stored(plugins) == [(2, 5)] * 3
    assert all(r.plugin and r.plugin.state == "DISABLED" for r in plugins.read_many(KEYS).values())


def test_each_is_guarded_by_revision_and_fence_and_the_others_stand(plugins: Plugins) -> None:
    assert plugins.write_many([registration(key) for key in KEYS], NOW)
    records = plugins.read_many(KEYS)
    assert plugins.write(disabling(records["d/b"]), NOW)
    assert not plugins.write_many([disabling(r) for r in records.values()], NOW)
    assert stored(plugins) == [(2, 5), (2, 5), (2, 5)]
    assert not plugins.write_many([registration("d/a"), registration("d/d")], NOW)
    assert plugins.read("d/d").revision == 1

    plugins.raise_fences({"d/a": 5}, 7)
    again = [disabling(Record(r.key, r.plugin, None, 2, r.fence)) for r in records.values()]
    assert not plugins.write_many(again, NOW)
    assert stored(plugins) == [(2, 7), (3, 5), (3, 5)]


def test_no_writes_take_no_command(plugins: Plugins, commands: MongoCommands) -> None:
    assert plugins.write_many([], NOW)
    assert plugins.raise_fences({}, 1) == []
    assert commands.take() == []


def test_large_writes_are_shared_out_among_commands(
    plugins: Plugins, commands: MongoCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = [registration(key) for key in KEYS]
    size = writes[0].after.outbox[0].size
    monkeypatch.setattr(plugins_module, "_MAX_EVENTS_SIZE", 2 * size)
    assert plugins.write_many(writes, NOW)
    assert commands.take() == ["update", "update"]
    monkeypatch.setattr(plugins_module, "_MAX_EVENTS_SIZE", 1)
    assert plugins.write_many([disabling(r) for r in plugins.read_many(KEYS).values()], NOW)
    assert commands.take() == ["find", "update", "update", "update"]


def test_the_largest_plugins_fit_into_their_commands(plugins: Plugins) -> None:
    numbers = RegisterPlugin(
        domain_id="d", name="n", service_type="s", image="a/a", tags={"n": [7] * 500_000}
    )
    writes = [GuardedWrite(Record(f"d/{n}"), changed(Record(f"d/{n}"), numbers, "c"), 1) for n in range(6)]
    assert plugins.write_many(writes, NOW)


def test_a_write_that_no_majority_confirms_waits(database: Database[dict[str, Any]]) -> None:
    alone = Plugins(database.with_options(write_concern=WriteConcern(w=2, wtimeout=1)))
    with pytest.raises(StoreUnavailable):
        alone.write_many([registration("d/a")], NOW)
    with pytest.raises(StoreUnavailable):
        alone.raise_fences({"d/b": 0}, 1)


def test_any_other_error_is_a_bug(plugins: Plugins, database: Database[dict[str, Any]]) -> None:
    assert plugins.write_many([registration(key) for key in KEYS], NOW)
    database["plugins"].update_one({"_id": "d/b"}, {"$set": {"applied": "no list"}})
    writes = [disabling(Record(w.after.key, w.after.plugin, None, 1)) for w in map(registration, KEYS)]
    with pytest.raises(BulkWriteError):
        plugins.write_many(writes, NOW)


class SteppingDown:
    """A database whose primary steps down in the middle of a command."""

    name = "plugins"
    write_concern = WriteConcern("majority")

    def __getitem__(self, name: str) -> Any:
        return self

    @property
    def database(self) -> Any:
        return self

    def command(self, command: Any) -> Any:
        return {"ok": 1, "n": 1, "writeErrors": [{"index": 1, "code": 11602, "errmsg": "stepping down"}]}


def test_a_primary_that_steps_down_in_the_middle_is_away() -> None:
    database: Any = SteppingDown()
    with pytest.raises(StoreUnavailable):
        Plugins(database).write_many([registration("d/a"), registration("d/b")], NOW)


def test_fences_are_raised_in_one_command_and_never_lowered(
    plugins: Plugins, commands: MongoCommands
) -> None:
    assert plugins.write_many([registration("d/a", 5), registration("d/b", 9)], NOW)
    commands.clear()
    assert plugins.raise_fences(dict.fromkeys(KEYS, 0), 7) == ["d/b"]
    assert commands.take() == ["update"]
    assert stored(plugins) == [(1, 7), (1, 9), (0, 7)]
    assert plugins.raise_fences({"d/c": 7}, 8) == []
    assert plugins.raise_fences({"d/c": 0}, 6) == ["d/c"]
    assert not plugins.write(registration("d/c", 7), NOW)
    assert plugins.write(registration("d/c", 8), NOW)
