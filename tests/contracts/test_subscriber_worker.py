"""The events of a real worker, for ``contracts.subscriber`` and for a bare consumer group of redis-py."""

import json

from contracts.client import PluginClient
from contracts.events import PLUGIN_CHANGED
from contracts.subscriber import Event, Subscriber
from tests.support.live import Live


def test_the_events_of_a_real_worker(live: Live, client: PluginClient, domain: str) -> None:
    found: list[Event] = []
    with live.redis() as redis:
        subscriber = Subscriber(redis, f"group-{domain}", "a", found.append, start="now")
        subscriber.join()
        plugin = client.ask("register", domain_id=domain, name="J", service_type="x.Y", image="acme/jira")
        client.ask("disable", command_id="the-command", domain_id=domain, plugin_id="jira")
        subscriber.run(stop=lambda: len(found) >= 2, block_s=0.05)

    first, second = found
    assert (first.subject, first.revision, first.data["change"]) == (f"{domain}/jira", 1, "registered")
    assert first.data["plugin"] == plugin
    assert first.type == PLUGIN_CHANGED
    assert second.data == {
        "change": "disabled",
        "plugin": plugin
        | {"state": "DISABLED", "revision": 2, "updated_at": second.data["plugin"]["updated_at"]},
        "revision": 2,
        "changed_fields": ["state"],
        "command_id": "the-command",
    }


def test_a_bare_consumer_group(live: Live, client: PluginClient, domain: str) -> None:
    """As the README shows it: redis-py alone."""
    with live.redis() as redis:
        redis.xgroup_create("plugin.events", f"bare-{domain}", id="$", mkstream=True)
        client.ask("register", domain_id=domain, name="J", service_type="x.Y", image="acme/jira")
        ((_, entries),) = redis.xreadgroup(f"bare-{domain}", "me", {"plugin.events": ">"}, count=1000)
        mine = [fields for _, fields in entries if fields["subject"] == f"{domain}/jira"]
        assert redis.xack("plugin.events", f"bare-{domain}", *(entry for entry, _ in entries)) == len(entries)

    (event,) = mine
    assert event["specversion"] == "1.0"
    assert event["type"] == "spaceone.api.repository.v1.PluginChanged"
    assert event["source"] == "/repositories/repo-local"
    assert event["id"] == f"{domain}/jira@1"
    assert event["sequence"] == "00000000000000000001"
    assert event["partitionkey"] == f"{domain}/jira"
    assert event["datacontenttype"] == "application/json"
    assert event["dataschema"].endswith("/PluginChanged.json")
    assert json.loads(event["data"])["plugin"]["plugin_id"] == "jira"
