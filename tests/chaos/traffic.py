"""Commands, duplicates and poison, made up from a seed; the model learns of each as it is sent."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.messages import message, queue_of
from tests.support.model import Model, Plugin

DOMAINS = 5
PLUGINS = 8
BARE = "chaos-0"
"""The domain whose commands go to the bare queue, to be forwarded."""


@dataclass(frozen=True)
class Sent:
    """One list element: `commands` is how many it holds, `poison` that it is to become a dead letter."""

    queue: str
    raw: bytes
    commands: int = 0
    poison: bool = False


class Traffic:
    """The next element to send, and the model that knows what all of them should have done.

    `deadly`: how many messages kill every worker that applies them.
    """

    def __init__(self, seed: int, partitions: int, *, deadly: int = 0) -> None:
        self.model = Model()
        self._rng = random.Random(seed)
        self._partitions = partitions
        self._deadly = deadly
        self._count = 0
        self._singles: list[tuple[str, str, dict[str, Any]]] = []
        self._subjects: dict[str, list[tuple[str, str]]] = {}
        for domain in range(DOMAINS):
            for number in range(PLUGINS):
                params = {"domain_id": f"chaos-{domain}", "plugin_id": f"plugin-{number}"}
                queue = queue_of("plugin.enable", params, partitions)
                self._subjects.setdefault(queue, []).append((params["domain_id"], params["plugin_id"]))

    def next(self) -> Sent:
        """Make up one element, and tell the model that it is being sent."""
        chance = self._rng.random()
        if self._deadly and chance > 0.99 and self._count > 200:
            self._deadly -= 1
            return self._kill_five()
        if chance < 0.03:
            return self._poison()
        if chance < 0.09 and self._singles:
            return self._again()
        if chance < 0.22:
            return self._batch()
        return self._single()

    def _id(self) -> str:
        self._count += 1
        return f"c{self._count:06}"

    def _single(self) -> Sent:
        domain, plugin = self._rng.choice(self._subjects[self._rng.choice(sorted(self._subjects))])
        operation, params = self._made_up(domain, plugin)
        command = (self._id(), operation, params)
        self._singles = [*self._singles[-150:], command]
        return self._of(command)

    def _again(self) -> Sent:
        """A command sent again with its id, while the plugin remembers its effect."""
        command = self._rng.choice(self._singles)
        command_id, _, params = command
        plugin = self._plugin(params["domain_id"], _plugin_id(params))
        if command_id in plugin.effects and command_id not in plugin.effects[-40:]:
            return self._single()
        return self._of(command)

    def _of(self, command: tuple[str, str, dict[str, Any]]) -> Sent:
        command_id, operation, params = command
        self.model.command(command_id, operation, params)
        queue = self._queue(operation, params)
        return Sent(queue, message(operation, params, command_id, queue), commands=1)

    def _queue(self, operation: str, params: dict[str, Any]) -> str:
        if params["domain_id"] == BARE:
            return "plugin.commands"
        return queue_of(operation, params, self._partitions)

    def _batch(self) -> Sent:
        """Items of one partition. Sent twice, it would do no more than once."""
        queue = self._rng.choice(sorted(self._subjects))
        subjects = [subject for subject in self._subjects[queue] if subject[0] != BARE]
        if not subjects:
            return self._single()
        chosen = self._rng.sample(subjects, min(len(subjects), self._rng.randint(1, 4)))
        items: list[dict[str, Any]] = []
        batch_id = self._id()
        self.model.batch(batch_id, self._items(chosen, items))
        return Sent(queue, message("plugin.batch", {"commands": items}, batch_id, queue), commands=len(items))

    def _items(self, chosen: list[tuple[str, str]], items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Each item is made up after the model has been told of the one before it."""
        kept = set()
        for _ in range(self._rng.randint(2, 24)):
            subject = self._rng.choice(chosen)
            there = self._plugin(*subject).fields is not None
            if there and self._rng.random() < 0.05:
                operation, params = self._registration(*subject)
                kept.add(subject)
            else:
                operation, params = self._with_effect(*subject, deregister=subject not in kept)
            items.append({"id": self._id(), "operation": operation, "params": params})
            yield items[-1]

    def _plugin(self, domain: str, plugin: str) -> Plugin:
        return self.model.plugins[f"{domain}/{plugin}"]

    def _made_up(self, domain: str, plugin: str) -> tuple[str, dict[str, Any]]:
        """A command that may as well be refused, or find nothing to change."""
        present = self._plugin(domain, plugin)
        of = {"domain_id": domain, "plugin_id": plugin}
        chance = self._rng.random()
        if present.fields is None:
            return ("plugin.enable", of) if chance < 0.1 else self._registration(domain, plugin)
        if chance < 0.05:
            return self._registration(domain, plugin)
        if chance < 0.1:
            return ("plugin.enable" if present.fields["state"] == "ENABLED" else "plugin.disable"), of
        if chance < 0.16:
            wrong = self._rng.choice((0, 0, 1))
            params = {**of, "tags": {"n": self._count}, "expected_revision": present.revision + wrong}
            return "plugin.update", params
        return self._with_effect(domain, plugin)

    def _with_effect(self, domain: str, plugin: str, deregister: bool = True) -> tuple[str, dict[str, Any]]:
        present = self._plugin(domain, plugin)
        of = {"domain_id": domain, "plugin_id": plugin}
        if present.fields is None:
            return self._registration(domain, plugin)
        chance = self._rng.random()
        if chance < 0.05 and deregister:
            return "plugin.deregister", of
        if chance < 0.3:
            return ("plugin.disable" if present.fields["state"] == "ENABLED" else "plugin.enable"), of
        if chance < 0.5:
            return "plugin.update", {**of, "name": f"name {self._count}", "labels": [str(self._count)]}
        return "plugin.update", {**of, "tags": {"n": self._count}}

    def _registration(self, domain: str, plugin: str) -> tuple[str, dict[str, Any]]:
        fields = {"name": plugin, "service_type": "chaos.Plugin", "image": f"acme/{plugin}"}
        return "plugin.register", {"domain_id": domain, **fields, "tags": {"n": self._count}}

    def _poison(self) -> Sent:
        number = self._id()
        queue = self._rng.choice(sorted(self._subjects))
        shape = self._rng.randrange(7)
        raw = [
            f"no JSON: {number}".encode(),
            json.dumps([number]).encode(),
            json.dumps({"headers": {}, "poison": number}).encode(),
            b'{"headers": "\xff\xfe", "poison": "' + number.encode() + b'"}',
            message("plugin.enable", {}, number, queue).replace(b'"base64"', b'"rot13"'),
            message("plugin.nonsense", {"domain_id": "x"}, number, queue),
            b"x" * 600_000 + number.encode(),
        ][shape]
        if shape in (4, 5):
            # Its id can be read: it is answered.
            self.model.answers[number] = "INVALID_PARAMETER"
        if shape != 4:
            self.model.poison[raw] += 1
        return Sent(queue, raw, poison=shape != 4)

    def _kill_five(self) -> Sent:
        number = self._id()
        operation, params = self._registration("chaos-deadly", f"deadly-{number}")
        queue = queue_of(operation, params, self._partitions)
        raw = message(operation, {**params, "name": "deadly"}, number, queue)
        self.model.poison[raw] += 1
        return Sent(queue, raw, poison=True)


def _plugin_id(params: dict[str, Any]) -> str:
    return str(params.get("plugin_id") or params["image"].rpartition("/")[2])
