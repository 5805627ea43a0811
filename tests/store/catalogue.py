"""Stored plugins for tests of reads: documents as the store holds them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from worker.store.escape import escape

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def document(
    number: int, scope: str = "d", *, repository: str = "repo-local", rank: int = 0, **fields: Any
) -> dict[str, Any]:
    """The document of plugin `number`; scope "" is a managed one; `fields` replace the plugin's own."""
    plugin = {
        "plugin_id": f"plugin-{number:07d}",
        "name": f"Plugin {number * 7919 % 1_000_003:07d}",
        "image": f"org/plugin-{number:07d}",
        "registry_type": ["DOCKER_HUB", "HARBOR", "AWS_PUBLIC_ECR"][number % 3],
        "registry_url": "registry.hub.docker.com",
        "registry_config": {},
        "state": "DISABLED" if number % 10 == 0 else "ENABLED",
        "service_type": f"service.{number % 50}",
        "provider": f"provider-{number % 20}",
        "capability": {"supported_schema": ["a", "b"]},
        "template": {"options": {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}}},
        "labels": [f"label-{number % 30}", "common"],
        "tags": {"description": f"Does {number}", "icon": "https://icon/icon.svg", "n": number},
        "repository_info": {"repository_id": repository, "name": repository, "repository_type": "local"},
        "created_at": EPOCH + timedelta(hours=number),
        "updated_at": EPOCH + timedelta(hours=number),
        **fields,
    }
    made = {
        "scope": scope,
        "rank": rank,
        "plugin": escape({k: v for k, v in plugin.items() if v is not None}),
    }
    if not scope:
        made["plugin"]["repository_info"]["repository_type"] = "managed"
        return {"_id": f"//{repository}/{plugin['plugin_id']}", **made}
    made["plugin"]["domain_id"] = scope
    internals = {
        "revision": number % 5 + 1,
        "fence": 7,
        "applied": ["c-1"],
        "outbox": [{"revision": 1, "data": "x"}],
    }
    return {"_id": f"{scope}/{plugin['plugin_id']}", **made, **internals}
