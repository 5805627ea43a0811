"""What the event of a change says, and what a record keeps of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha1

from contracts.plugin import PluginInfo, RepositoryInfo
from worker.domain.events import Pending, plugin_changed, plugin_resynced
from worker.domain.plugin import Changed, plugin_text
from worker.domain.record import NoEffect, Record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLUGIN = PluginInfo(
    plugin_id="jira",
    name="Jirä",
    image="acme/jira",
    registry_type="DOCKER_HUB",
    registry_url="registry.hub.docker.com",
    state="ENABLED",
    service_type="notification.Protocol",
    repository_info=RepositoryInfo(repository_id="repo-local", name="Local", repository_type="local"),
    domain_id="d-1",
    revision=2,
    created_at=NOW,
    updated_at=NOW,
)


def test_the_event_has_the_text_of_the_plugin_as_it_was_made() -> None:
    changed = Changed("updated", PLUGIN, 2, '{"made":"once"}', ("labels", "name"))
    assert plugin_changed(changed, 'c-"1"\t') == (
        '{"change":"updated","plugin":{"made":"once"},"revision":2,'
        '"changed_fields":["labels","name"],"command_id":"c-\\"1\\"\\t"}'
    )


def test_the_event_in_place_of_lost_ones_names_no_command() -> None:
    data = json.loads(plugin_resynced(PLUGIN, None, 2))
    assert data.pop("plugin") == PLUGIN.model_dump(mode="json", exclude_none=True)
    assert data == {"change": "resynced", "revision": 2, "changed_fields": [], "command_id": None}
    assert json.loads(plugin_resynced(None, PLUGIN, 3))["change"] == "deregistered"


def test_a_change_leaves_the_commands_without_effect_to_the_engine() -> None:
    passed = (NoEffect("c-1", "", ""),)
    record = Record("d-1/jira", revision=1, no_effect=passed)
    changed = Changed("updated", PLUGIN, 2, plugin_text(PLUGIN))
    assert record.apply(changed, "c-2", NOW, None).no_effect == passed


def test_size_and_digest_are_made_once_and_are_no_part_of_the_event() -> None:
    event = Pending(1, "2026-01-01T00:00:00.000Z", '{"n":"é"}')
    assert event.digest is event.digest
    assert event.digest == sha1(event.data.encode(), usedforsecurity=False).hexdigest()
    assert event.size == 10 + 128
    assert event == Pending(1, "2026-01-01T00:00:00.000Z", '{"n":"é"}')
    assert replace(event, data="").digest == sha1(b"", usedforsecurity=False).hexdigest()
    assert replace(event, stands_for="*").digest == "*"
