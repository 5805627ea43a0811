"""What a deployment is like after all that happened to it, against what the model says."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from tests.support.model import Model, Plugin

KINDS = (
    "lost",  # a command without its effect
    "doubled",  # a command with several effects
    "unexpected",  # an effect of a command that should have none
    "disorder",  # effects of one plugin in another order than they were sent in
    "gap",  # a jump, a repetition or a repair in the sequence of a subject
    "state",  # a plugin that is not what its commands make of it
    "answer",  # a caller without its answer, or with a wrong one
    "poison",  # dead letters that are not exactly the poison that was sent
    "left",  # something still in a queue, an unacked record or an outbox
)


@dataclass
class Aftermath:
    """Everything that is wrong, by kind."""

    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    events: int = 0

    def add(self, kind: str, text: str) -> None:
        assert kind in KINDS
        self.problems[kind].append(text)

    def counts(self) -> dict[str, int]:
        return {kind: len(self.problems.get(kind, ())) for kind in KINDS}

    def assert_clean(self) -> None:
        """Raises AssertionError that names every kind of problem, with a few of each."""
        found = {kind: found for kind, found in self.problems.items() if found}
        lines = [f"{kind} {len(texts)}: " + "; ".join(texts[:5]) for kind, texts in found.items()]
        assert not found, "\n".join(lines)


def leftovers(redis: Redis, database: Any, queues: Iterable[str]) -> list[str]:
    """What is not settled yet: queued, unacked, parked and not drained, or unpublished."""
    found = []
    for queue in queues:
        lists = [queue, *(f"{queue}\x06\x16{step}" for step in (3, 6, 9)), f"{queue}:poison"]
        found += [f"{name!r}: {redis.llen(name)}" for name in lists if redis.llen(name)]
        hashes = [f"{queue}:unacked", f"{queue}:returned"]
        found += [f"{name}: {redis.hlen(name)}" for name in hashes if redis.hlen(name)]
        if redis.scard(f"{queue}:waiting"):
            found.append(f"{queue}:waiting: {redis.scard(f'{queue}:waiting')}")
    for collection in ("plugins", "images"):
        pending = database[collection].count_documents({"outbox.0": {"$exists": True}})
        if pending:
            found.append(f"outboxes of {collection}: {pending}")
    return found


def inspect(
    model: Model, redis: Redis, database: Any, queues: Iterable[str], *, only: str | None = None
) -> Aftermath:
    """Compare all that can be seen from outside with the model; `only`: the subjects of that domain."""
    found = Aftermath()
    for text in leftovers(redis, database, queues):
        found.add("left", text)
    events = _events(redis, only)
    found.events = sum(map(len, events.values()))
    for subject in sorted({*events, *model.plugins}):
        _compare_subject(found, subject, model.plugins.get(subject, Plugin()), events.get(subject, []))
        _compare_state(found, subject, model.plugins.get(subject, Plugin()), database)
    _compare_answers(found, model, redis)
    _compare_poison(found, model, database)
    return found


def _events(redis: Redis, only: str | None) -> dict[str, list[dict[str, Any]]]:
    """Every PluginChanged by subject, in the order of the stream."""
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    start = "-"
    read: Callable[..., Any] = redis.xrange
    while chunk := read("plugin.events", min=start, count=1000):
        for entry_id, raw in chunk:
            entry = {key.decode(): value.decode() for key, value in raw.items()}
            start = f"({entry_id.decode()}"
            of_domain = only is None or entry["subject"].startswith(f"{only}/")
            if entry["type"].endswith(".PluginChanged") and of_domain:
                events[entry["subject"]].append(entry | {"data": json.loads(entry["data"])})
    return events


def _compare_subject(found: Aftermath, subject: str, plugin: Plugin, events: list[dict[str, Any]]) -> None:
    for place, event in enumerate(events, 1):
        at = f"{subject}@{int(event['sequence'])}"
        if int(event["sequence"]) != place or event["id"] != at or "gap" in event:
            found.add("gap", f"{event['id']} in place {place} of {subject}")
    ids = [str(event["data"]["command_id"]) for event in events]
    counted, expected = Counter(ids), Counter(plugin.effects)
    for command_id in sorted({*counted, *expected}):
        seen, wanted = counted[command_id], expected[command_id]
        if seen < wanted:
            found.add("lost", f"{command_id} of {subject}")
        elif seen > wanted:
            kind = "doubled" if wanted else "unexpected"
            found.add(kind, f"{command_id} of {subject}: {seen} effects")
    # A lost or doubled one is told above, and is no disorder of the others.
    common = counted & expected
    once = [command_id for command_id in dict.fromkeys(ids) if command_id in common]
    sent = [command_id for command_id in plugin.effects if command_id in common]
    found.problems["disorder"] += [
        f"{subject}: {seen} where {wanted} was sent"
        for seen, wanted in zip(once, sent, strict=True)
        if seen != wanted
    ]


def _compare_state(found: Aftermath, subject: str, plugin: Plugin, database: Any) -> None:
    document = database["plugins"].find_one({"_id": subject}) or {}
    stored = document.get("plugin")
    if document.get("revision", 0) != plugin.revision:
        found.add("state", f"{subject} is at {document.get('revision', 0)}, not {plugin.revision}")
    if (stored is None) != (plugin.fields is None):
        found.add("state", f"{subject} is {'absent' if stored is None else 'there'}")
    elif stored is not None and plugin.fields is not None:
        for name, wanted in plugin.fields.items():
            if stored.get(name) != wanted:
                found.add("state", f"{subject}.{name} is {stored.get(name)!r}, not {wanted!r}")


def _compare_answers(found: Aftermath, model: Model, redis: Redis) -> None:
    for command_id, wanted in model.answers.items():
        raw = redis.get(f"celery-task-meta-{command_id}")
        if raw is None:
            found.add("answer", f"none to {command_id}")
            continue
        seen = _outcome(json.loads(raw))
        if seen != wanted and command_id not in model.unsure and not _decided_before(seen, wanted):
            found.add("answer", f"{command_id} got {seen}, not {wanted}")


def _outcome(answer: dict[str, Any]) -> Any:
    if answer["status"] != "SUCCESS":
        exception = answer["result"]
        message = exception.get("exc_message") or [exception.get("exc_type"), exception.get("exc_type")]
        return message[1] if len(message) > 1 else message[0]
    result = answer["result"]
    if not isinstance(result, list):
        return "SUCCESS"
    return {row["id"]: row["error"]["code"] if "error" in row else "SUCCESS" for row in result}


def _decided_before(seen: Any, wanted: Any) -> bool:
    """Whether it is told of a redelivered command, or of items of a redelivered batch, without effect that they
    were decided before.
    """
    if not isinstance(seen, dict):
        # Of one that had nothing to change it is told with success.
        return seen == "DECIDED_BEFORE" and wanted not in ("SUCCESS", None)
    if not isinstance(wanted, dict) or set(seen) != set(wanted):
        return False
    return all(code in (wanted[item], "DECIDED_BEFORE") for item, code in seen.items())


def _compare_poison(found: Aftermath, model: Model, database: Any) -> None:
    kept = Counter(bytes(letter["raw"]) for letter in database["dead_letters"].find({}, {"raw": 1}))
    for raw in {*kept, *model.poison}:
        sent, doubtful = model.poison[raw], model.doubtful[raw]
        if not sent <= kept[raw] <= sent + doubtful:
            known = f"{sent} to {sent + doubtful}" if doubtful else str(sent)
            found.add("poison", f"{raw[:60]!r} was sent {known} times, kept {kept[raw]} times")
