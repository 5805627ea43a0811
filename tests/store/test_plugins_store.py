"""The plugins in a real store: what a guarded write stores, and what is read again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from contracts.commands import DisablePlugin, RegisterPlugin
from tests.support.subjects import POLICY
from worker.domain.plugin import Changed, decide
from worker.domain.record import Record
from worker.store.client import connect_mongodb
from worker.store.plugins import GuardedWrite, Plugins

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = "d-1/jira"


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Database[dict[str, Any]]]:
    database = connect_mongodb(mongodb_url)
    with database.client:
        yield database


@pytest.fixture
def plugins(database: Database[dict[str, Any]]) -> Plugins:
    return Plugins(database, POLICY.repository)


def changed(record: Record, command: Any, command_id: str) -> Record:
    decision = decide(record.plugin, record.revision, command, NOW, POLICY)
    assert isinstance(decision, Changed)
    return record.apply(decision, command_id, NOW, None)


def registered(key: str = KEY) -> Record:
    domain_id, _, plugin_id = key.partition("/")
    command = RegisterPlugin(domain_id=domain_id, name="n", service_type="s", image=f"a/{plugin_id}")
    return changed(Record(key), command, "c-1")


def test_commands_without_effect_are_kept_until_the_next_write(
    plugins: Plugins, database: Database[dict[str, Any]]
) -> None:
    passed = (("c-2", "PLUGIN_ALREADY_EXISTS"), ("c-3", ""))
    first = replace(registered(), no_effect=passed)
    assert plugins.write(GuardedWrite(Record(KEY), first, 1), NOW)
    assert plugins.read(KEY).no_effect == passed
    stored = [{"id": "c-2", "code": "PLUGIN_ALREADY_EXISTS"}, {"id": "c-3", "code": ""}]
    assert database["plugins"].find_one({"_id": KEY}, {"no_effect": 1, "_id": 0}) == {"no_effect": stored}

    before = plugins.read(KEY)
    after = replace(changed(before, DisablePlugin(domain_id="d-1", plugin_id="jira"), "c-4"), no_effect=())
    assert plugins.write(GuardedWrite(before, after, 1), NOW)
    assert database["plugins"].find_one({"no_effect": {"$exists": True}}) is None
    assert plugins.read(KEY).no_effect == ()
