"""What commands should do to plugins, by the documents alone: nothing here is taken from the code under test.

A `Model` is told of every command in the order in which it was sent, and knows then what every plugin, every
answer and the dead letters have to be.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

#: How many effects of a plugin are remembered, so that a command sent again has no second one.
REMEMBERED = 64
_UPDATABLE = ("name", "capability", "template", "labels", "tags", "provider")
_EMPTY: dict[str, Any] = {"capability": {}, "template": {}, "labels": [], "tags": {}, "provider": None}


@dataclass
class Plugin:
    """One (domain, plugin): its present fields (None: not registered), and its effects in order."""

    fields: dict[str, Any] | None = None
    effects: list[str] = field(default_factory=list)

    @property
    def revision(self) -> int:
        return len(self.effects)


@dataclass
class Model:
    """The expected state of a whole deployment.

    `answers`: command id -> `SUCCESS` or the code of the refusal. `unsure`: ids that were sent more than once,
    whose answers may be of either time. `poison`: raw message -> how often it was sent for certain; `doubtful`:
    how often more it may have been, by sendings that Redis did not answer. `ids`: every command.
    """

    plugins: dict[str, Plugin] = field(default_factory=lambda: defaultdict(Plugin))
    answers: dict[str, Any] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    poison: Counter[bytes] = field(default_factory=Counter)
    doubtful: Counter[bytes] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)

    def command(self, command_id: str, operation: str, params: dict[str, Any]) -> str:
        """A single command was sent; returns what it is to be answered with."""
        if command_id in self.ids:
            self.unsure.add(command_id)
        answer = self.answers[command_id] = self._apply(command_id, operation, params)
        return answer

    def batch(self, batch_id: str, items: Iterable[dict[str, Any]]) -> None:
        """A batch was sent."""
        if batch_id in self.answers:
            self.unsure.add(batch_id)
        self.answers[batch_id] = {
            item["id"]: self._apply(item["id"], item["operation"], item["params"]) for item in items
        }

    def _apply(self, command_id: str, operation: str, params: dict[str, Any]) -> str:
        self.ids.add(command_id)
        plugin = self.plugins[f"{params['domain_id']}/{plugin_id(operation, params)}"]
        if command_id in plugin.effects[-REMEMBERED:]:
            return "SUCCESS"
        before = plugin.fields
        if operation == "plugin.register":
            if before is not None:
                return "ALREADY_EXISTS"
            sent = {name: params[name] for name in params if name != "domain_id"}
            plugin.fields = {**_EMPTY, **sent, "state": "ENABLED"}
        elif before is None:
            return "NOT_FOUND"
        elif params.get("expected_revision") not in (None, plugin.revision):
            return "REVISION_CONFLICT"
        elif operation == "plugin.deregister":
            plugin.fields = None
        else:
            after = {**before, **_changes(operation, params)}
            if after == before:
                return "SUCCESS"
            plugin.fields = after
        plugin.effects.append(command_id)
        return "SUCCESS"


def plugin_id(operation: str, params: dict[str, Any]) -> str:
    """The plugin that a command is about."""
    if operation == "plugin.register":
        return str(params["image"]).rpartition("/")[2]
    return str(params["plugin_id"])


def _changes(operation: str, params: dict[str, Any]) -> dict[str, Any]:
    if operation == "plugin.update":
        return {name: params[name] for name in _UPDATABLE if name in params}
    return {"state": {"plugin.enable": "ENABLED", "plugin.disable": "DISABLED"}[operation]}
