"""Messages full of numbers, each spelled as a caller may spell it: Python would write most of them longer."""

import itertools
import json
import os
from collections.abc import Callable
from typing import Any

from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES
from tests.cost.batches import items, large, new
from tests.cost.filled import Kwargs
from tests.cost.reads import condition
from tests.cost.writes import DOMAIN, DRAFTS, NODES, change, registration
from tests.support.messages import message_parts

LONG = os.environ.get("LONG") == "1"

HERE = "(numerals)"
"""Stands in keyword arguments where a list of numerals is to be: it becomes as many as there is room for."""

ONE = "(numeral)"
"""Stands where one numeral is to be."""

Spell = Callable[[int], str]
NUMERALS: dict[str, Spell] = {
    "small": lambda i: f"{i % 1_000}",
    "whole": lambda i: f"{i}.0",
    "fractions": lambda i: f"0.{i}",
    "63 bits": lambda i: str(2**63 - 1 - i),
    "equal hashes": lambda i: str((i % 100_000) << 46),
    "beyond 63 bits": lambda i: f"{10 + i % 90}e18",
    "equal hashes of fractions": lambda i: repr(float(2 ** (61 * (i % 16))) * (1 + i // 16)),
    "huge": lambda i: f"{1 + i % 9}e{307 - i // 9 % 100}",
    "one huge": lambda i: "1e308",
    "huge and long": lambda i: f"1.7{i:015}e308",
    "tiny": lambda i: f"{1 + i % 9}e-{323 - i // 9 % 90}",
    "tiny and long": lambda i: f"2.2{i:015}e-308",
    "gone": lambda i: f"{i}e-99999",
    "infinite": lambda i: f"{i + 1}e999",
    "a long exponent": lambda i: f"1e-{'9' * 4_000}{i}",
    "long decimals": lambda i: f"0.{i:04}{'9' * 700}",
    "halfway": lambda i: f"{2**53 + 2 * i}.{'0' * 760}1",
    "in lists": lambda i: f"[{1 + i % 9}e-323]",
    "in objects": lambda i: f'{{"":{i % 9}e-323}}',
    "zeros": lambda i: "-0.0",
    "integers of 300 digits": lambda i: f"{i + 1}{'9' * 295}",
    "integers of 4,300 digits": lambda i: f"{i + 1}{'9' * 4_290}"[:4_300],
}  # fmt: skip


def schema(draft: str, **keywords: Any) -> Kwargs:
    """A registration with such a schema."""
    return registration(**template_of(draft, **keywords))


def template_of(draft: str, **keywords: Any) -> Kwargs:
    return {"template": {"o": {"schema": {"$schema": DRAFTS[draft], **keywords}}}}


def queried(**query: Any) -> tuple[str, Kwargs]:
    return "plugin.list", {"domain_id": DOMAIN, "query": query}


def batched(verb: str, make: Callable[[int], Kwargs], count: int = 500) -> tuple[str, Kwargs]:
    return "plugin.batch", {"commands": items(lambda index, _: make(index), 0, verb)[:count]}


PLACES: dict[str, tuple[str, Kwargs]] = {
    "tags": ("plugin.register", registration(tags={"l": HERE})),
    "labels": ("plugin.register", registration(labels=HERE)),
    "an unknown field": ("plugin.register", registration(unknown=HERE)),
    "name": ("plugin.register", registration(name=HERE)),
    "update": ("plugin.update", change(tags={"l": HERE})),
    "a revision": ("plugin.update", change(name="m", expected_revision=ONE)),
    **{f"enum of draft {draft}": ("plugin.register", schema(draft, enum=HERE)) for draft in DRAFTS},
    "enum of lists": ("plugin.register", schema("4", enum=[[HERE], [[HERE]]])),
    "enum of objects": ("plugin.register", schema("4", enum=[{"a": HERE}, {"a": {"b": HERE}}])),
    "enum of all sorts": ("plugin.register", schema("4", enum=[["a.b"], "e+", True, None, {"a": HERE}, HERE])),
    "const": ("plugin.register", schema("7", const=HERE, default=HERE, examples=HERE)),
    "required": ("plugin.register", schema("7", required=HERE)),
    "type": ("plugin.register", schema("2020", type=HERE)),
    "type of draft 3": ("plugin.register", schema("3", type=HERE)),
    "dependencies": ("plugin.register", schema("7", dependencies={"a": HERE})),
    "bounds": ("plugin.register", schema("7", anyOf=[{"minimum": ONE, "maximum": ONE, "multipleOf": ONE}] * (NODES // 2))),
    "bounds of draft 4": ("plugin.register", schema("4", anyOf=[{"minimum": ONE, "exclusiveMinimum": True, "multipleOf": ONE}] * (NODES // 3))),
    "lengths": ("plugin.register", schema("7", anyOf=[{"minLength": ONE, "maxItems": ONE}] * NODES)),
    "in": queried(filter=[condition("in", HERE), condition("not_in", HERE)]),
    "eq": queried(filter=[condition("eq", ONE, "tags.l")] * 100),
    "match": queried(filter=[condition("match", {f"a{i}": ONE for i in range(50)}, "labels")] * 10),
    "page": queried(page={"start": ONE, "limit": ONE}),
    "a query": queried(filter=HERE, sort=HERE, only=HERE, keyword=HERE),
    "conditions of groups": ("plugin.stat", {"domain_id": DOMAIN, "query": {"aggregate": [{"group": {"keys": [{"key": "name", "name": "n"}], "fields": [{"name": f"f{i}", "operator": "sum", "key": "tags.l", "conditions": [{"key": "tags.l", "operator": "gt", "value": ONE}]} for i in range(20)]}}]}}),
    "limits of stages": ("plugin.stat", {"domain_id": DOMAIN, "query": {"aggregate": [{"limit": ONE}, {"skip": ONE}] * 10}}),
    "batch: tags": batched("register", lambda i: new(i, tags={"l": HERE})),
    "batch: enum of draft 3": batched("register", lambda i: new(i, **template_of("3", enum=HERE))),
    "batch: enum of draft 4": batched("register", lambda i: new(i, **template_of("4", enum=HERE))),
    "batch: enum of lists": batched("register", lambda i: new(i, **template_of("4", enum=[[HERE], {"a": HERE}]))),
    "batch: one enum": batched("register", lambda i: new(i, **template_of("4", enum=HERE)), 1),
    "batch: required": batched("register", lambda i: new(i, **template_of("7", required=HERE))),
    "batch: bounds": batched("register", lambda i: new(i, **template_of("7", anyOf=[{"minimum": ONE, "multipleOf": ONE}] * 100))),
    "batch: updates": batched("update", lambda i: large(i, tags={"l": HERE})),
    "batch: updates of one": batched("update", lambda i: {"domain_id": DOMAIN, "plugin_id": "large0", "tags": {"l": HERE}}, 50),
    "batch: updates of one in another order": batched("update", lambda i: {"domain_id": DOMAIN, "plugin_id": "large0", "tags": {"l": {"a": 0, "b": HERE} if i % 2 else {"b": HERE, "a": 0}}}, 50),
    "batch: unreadable": batched("update", lambda i: large(i, tags={"l": HERE})),
    "batch: revisions": batched("update", lambda i: large(i, name="n", expected_revision=ONE)),
}  # fmt: skip
"""Name to a task and its keyword arguments, with places for numerals."""


_EVERYWHERE = "huge"
_DEAREST = ("huge", "tiny", "tiny and long", "in lists", "in objects")
_EVERYTHING = (
    "batch: tags",
    "batch: enum of draft 4",
    "batch: enum of lists",
    "batch: updates of one",
    "batch: updates of one in another order",
    "batch: unreadable",
)
_numerals = tuple(NUMERALS) if LONG else _DEAREST
NUMBERS: dict[str, tuple[str, str]] = {
    f"{place}: {numeral}": (place, numeral)
    for place in PLACES
    for numeral in (_numerals if place in _EVERYTHING else [_EVERYWHERE])
}
"""Name to a place and the numerals in it. ``LONG=1``: the cheaper ones too where all may stand."""


def number_message(name: str, number: int, queue: str, **headers: Any) -> bytes:
    """The list element of `NUMBERS`, filled. Another `number` makes another command: other images, other ids.

    Its body is no base64: so it holds the most.
    """
    place, numeral = NUMBERS[name]
    task, kwargs = PLACES[place]
    limit = MAX_BATCH_BYTES if task == "plugin.batch" else MAX_COMMAND_BYTES
    parts = message_parts(task, {}, f"number-{number}", queue, **headers)
    parts["properties"]["body_encoding"] = "utf-8"
    if place == "batch: unreadable":
        parts["headers"]["id"] = ""
    text = json.dumps(kwargs).replace('"acme/', f'"acme/n{number}-').replace('"id": "i', f'"id": "n{number}-')
    parts["body"] = f"[[], {_spelled(text, NUMERALS[numeral], limit - 2_000)}, {{}}]"
    return json.dumps(parts).encode()


def _spelled(text: str, spell: Spell, limit: int) -> str:
    """Keyword arguments with numerals, filled up to a size in bytes as part of a text in JSON."""
    text = text.replace(f'"{ONE}"', spell(7))
    places = text.count(HERE)
    if not places:
        return text
    room = (limit - len(json.dumps(text))) // places
    listed: list[str] = []
    for numeral in map(spell, itertools.count()):
        room -= len(json.dumps(numeral)) - 1
        if room < 0:
            break
        listed.append(numeral)
    return text.replace(f'"{HERE}"', f"[{','.join(listed)}]")
