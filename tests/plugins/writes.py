"""Commands and deliveries for the tests of writes."""

from typing import Any

from contracts.commands import DeregisterPlugin, DisablePlugin, EnablePlugin, RegisterPlugin, UpdatePlugin
from contracts.parse import parse
from tests.support.attempts import attempt
from worker.domain.attempt import Attempt

ENABLE = EnablePlugin(domain_id="d-1", plugin_id="jira")
DISABLE = DisablePlugin(domain_id="d-1", plugin_id="jira")
DEREGISTER = DeregisterPlugin(domain_id="d-1", plugin_id="jira")


def register(image: str = "acme/jira", **fields: Any) -> RegisterPlugin:
    given = {"domain_id": "d-1", "name": "JIRA", "service_type": "notification.Protocol", "image": image}
    return parse(RegisterPlugin, given | fields)


def update(**fields: Any) -> UpdatePlugin:
    return parse(UpdatePlugin, {"domain_id": "d-1", "plugin_id": "jira"} | fields)


def by(command_id: str, epoch: int = 0, **fields: Any) -> Attempt:
    """The attempt of a command."""
    return attempt(command_id, epoch=epoch, **fields)


class LostLease:
    """A lease that another process has taken."""

    def confirm(self) -> bool:
        return False

    def raise_epoch(self, at_least: int) -> int | None:
        return None

    def wait(self, seconds: float) -> bool:
        return True

    def give_up(self) -> None:
        return None
