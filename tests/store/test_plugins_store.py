"""The plugins in a real store: what a guarded write stores, and what is read again."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from contracts.commands import (
    DeregisterPlugin,
    DisablePlugin,
    EnablePlugin,
    RegisterPlugin,
    UpdatePlugin,
    Write,
)
from contracts.errors import Refused
from tests.support.subjects import POLICY
from worker.domain.plugin import Changed, decide
from worker.domain.record import NoEffect, Record
from worker.store.client import connect_mongodb
from worker.store.documents import guarded_update, plugin_document
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


def changed(record: Record, command: Write, command_id: str, now: datetime = NOW) -> Record:
    """The record after a command; the same one if that changes nothing."""
    decision = decide(record.plugin, record.revision, command, now, POLICY)
    return record.apply(decision, command_id, now, None) if isinstance(decision, Changed) else record


def registered(key: str = KEY) -> Record:
    domain_id, _, plugin_id = key.partition("/")
    command = RegisterPlugin(domain_id=domain_id, name="n", service_type="s", image=f"a/{plugin_id}")
    return changed(Record(key), command, "c-1")


FREE = st.dictionaries(st.sampled_from(["a", "$b", "c.d", ""]), st.integers(0, 2), max_size=2)
COMMANDS = st.one_of(
    st.builds(
        RegisterPlugin,
        domain_id=st.just("d-1"),
        name=st.sampled_from("xy"),
        service_type=st.just("s"),
        image=st.just("a/jira"),
        provider=st.sampled_from([None, "aws"]),
        tags=FREE,
    ),
    st.builds(
        UpdatePlugin,
        domain_id=st.just("d-1"),
        plugin_id=st.just("jira"),
        name=st.sampled_from([None, "x", "y"]),
        provider=st.sampled_from([None, "", "aws"]),
        labels=st.none() | st.lists(st.sampled_from("lm"), max_size=2),
        template=st.none() | FREE,
    ),
    *[
        st.just(kind(domain_id="d-1", plugin_id="jira"))
        for kind in (EnablePlugin, DisablePlugin, DeregisterPlugin)
    ],
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(COMMANDS, min_size=1, max_size=4), min_size=1, max_size=6))
def test_what_is_stored_is_the_whole_record_whatever_a_write_changes(
    plugins: Plugins, database: Database[dict[str, Any]], groups: list[list[Write]]
) -> None:
    database["plugins"].delete_many({})
    number = 0
    for group in groups:
        before = after = plugins.read(KEY)
        for command in group:
            number += 1
            try:
                after = changed(after, command, f"c-{number}")
            except Refused:
                continue
        if after.revision == before.revision:
            continue
        assert plugins.write(GuardedWrite(before, after, 1), NOW)
        assert plugins.read(KEY) == replace(after, fence=1)
        stored = database["plugins"].find_one({"_id": KEY})
        assert stored is not None
        assert stored.get("plugin") == (plugin_document(after.plugin) if after.plugin else None)
        assert stored.get("last") == (plugin_document(after.last) if after.last else None)
        assert (stored.get("scope"), stored.get("rank")) == (("d-1", 0) if after.plugin else (None, None))


def test_only_what_differs_is_written() -> None:
    before = registered()
    disable = DisablePlugin(domain_id="d-1", plugin_id="jira")
    after = changed(before, disable, "c-2", NOW + timedelta(seconds=1))
    query, update = guarded_update(before, after, 7, NOW)
    assert query == {"_id": KEY, "revision": 1, "fence": {"$lte": 7}}
    assert {name for name in update["$set"] if name.startswith("plugin")} == {
        "plugin.state",
        "plugin.updated_at",
        "plugin.repository_info",
    }
    assert update["$push"] == {"applied": {"$each": ["c-2"], "$slice": -64}}
    assert update["$unset"] == {"no_effect": ""}


def test_commands_without_effect_are_kept_until_the_next_write(
    plugins: Plugins, database: Database[dict[str, Any]]
) -> None:
    passed = (NoEffect("c-2", "0123456789abcdef", "PLUGIN_ALREADY_EXISTS"), NoEffect("c-3", "", ""))
    first = replace(registered(), no_effect=passed)
    assert plugins.write(GuardedWrite(Record(KEY), first, 1), NOW)
    assert plugins.read(KEY).no_effect == passed
    stored = [
        {"id": "c-2", "digest": "0123456789abcdef", "code": "PLUGIN_ALREADY_EXISTS"},
        {"id": "c-3", "digest": "", "code": ""},
    ]
    assert database["plugins"].find_one({"_id": KEY}, {"no_effect": 1, "_id": 0}) == {"no_effect": stored}

    before = plugins.read(KEY)
    after = replace(changed(before, DisablePlugin(domain_id="d-1", plugin_id="jira"), "c-4"), no_effect=())
    assert plugins.write(GuardedWrite(before, after, 1), NOW)
    assert database["plugins"].find_one({"no_effect": {"$exists": True}}) is None
    assert plugins.read(KEY).no_effect == ()
