"""Commands and deliveries for the tests of writes."""

from typing import Any

from contracts.commands import DeregisterPlugin, DisablePlugin, EnablePlugin, RegisterPlugin, UpdatePlugin
from contracts.parse import parse

ENABLE = EnablePlugin(domain_id="d-1", plugin_id="jira")
DISABLE = DisablePlugin(domain_id="d-1", plugin_id="jira")
DEREGISTER = DeregisterPlugin(domain_id="d-1", plugin_id="jira")


def register(image: str = "acme/jira", **fields: Any) -> RegisterPlugin:
    given = {"domain_id": "d-1", "name": "JIRA", "service_type": "notification.Protocol", "image": image}
    return parse(RegisterPlugin, given | fields)


def update(**fields: Any) -> UpdatePlugin:
    return parse(UpdatePlugin, {"domain_id": "d-1", "plugin_id": "jira"} | fields)
