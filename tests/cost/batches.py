"""Batches of up to 4 MiB."""

from collections.abc import Callable
from typing import Any

from tests.cost.filled import Kwargs
from tests.cost.writes import DOMAIN, DRAFTS, LARGE, NODES, VALUES, WIDE, registration, whole

ITEMS = 500


def batch(make: Callable[[int, int], Kwargs], verb: str = "register") -> Callable[[], tuple[str, Kwargs]]:
    """A filled batch of `make(index, n)`."""
    return whole("plugin.batch", lambda n: {"commands": items(make, n // ITEMS, verb)})


def items(make: Callable[[int, int], Kwargs], size: int, verb: str = "register") -> list[Any]:
    return [
        {"id": f"i{index}", "operation": f"plugin.{verb}", "params": make(index, size)}
        for index in range(ITEMS)
    ]


def new(index: int, **fields: Any) -> Kwargs:
    return registration(image=f"acme/b{index}", **fields)


def large(index: int, **fields: Any) -> Kwargs:
    """A change of one of ten large plugins."""
    return {"domain_id": DOMAIN, "plugin_id": f"{LARGE}{index % 10}", **fields}


BATCHES: dict[str, Callable[[], tuple[str, Kwargs]]] = {
    "batch: texts": batch(lambda i, n: new(i, tags={"t": "x" * n})),
    "batch: numbers": batch(lambda i, n: new(i, tags={"l": [i % 10] * n})),
    "batch: empty objects": batch(lambda i, n: new(i, tags={"l": [{}] * n})),
    "batch: escaped keys": batch(lambda i, n: new(i, tags=VALUES["escaped keys"](n))),
    "batch: unknown fields": batch(lambda i, n: new(i, **{f"u{j}": 0 for j in range(n)})),
    "batch: labels of numbers": batch(lambda i, n: new(i, labels=[0] * n)),
    "batch: subschemas": batch(lambda i, n: new(i, template={"o": {"schema": {"title": str(i), "anyOf": [{}] * min(n, NODES)}}})),
    "batch: properties": batch(lambda i, n: new(i, template={"o": {"schema": {"$schema": DRAFTS["2020"], "properties": {f"p{i}{j}": {"type": "string"} for j in range(n)}}}})),
    "batch: unique items": batch(lambda i, n: new(i, template={"o": {"schema": {"$schema": DRAFTS["4"], "enum": [{"x": i + j} for j in range(n)]}}})),
    "batch: wide patterns": batch(lambda i, n: new(i, template={"o": {"schema": {"anyOf": [{"pattern": str(i) + WIDE * 100}] * (n // 1700)}}})),
    "batch: patterns of groups": batch(lambda i, n: new(i, template={"o": {"schema": {"anyOf": [{"pattern": str(i) + "(a|b)" * 190}] * min(n // 1000, 10)}}})),
    "batch: changes of large plugins": lambda: ("plugin.batch", {"commands": items(lambda i, _: large(i, name=f"n{i}"), 0, "update")}),
    "batch: changes of many large plugins": lambda: ("plugin.batch", {"commands": items(lambda i, _: {"domain_id": DOMAIN, "plugin_id": f"many{i}", "name": f"n{i}"}, 0, "update")}),
    "batch: changes of one large plugin": lambda: ("plugin.batch", {"commands": items(lambda i, _: {"domain_id": DOMAIN, "plugin_id": LARGE, "name": f"n{i}"}, 0, "update")[:50]}),
    "batch: what is not there": batch(lambda i, n: {"domain_id": DOMAIN, "plugin_id": f"p{i}", "tags": {"t": "x" * n}}, "update"),
    "batch: wrong items": whole("plugin.batch", lambda n: {"commands": [0] * n}),
    "batch: empty items": whole("plugin.batch", lambda n: {"commands": [{}] * n}),
    "batch: too many": whole("plugin.batch", lambda n: {"commands": [{"id": "", "operation": "", "params": {}}] * n}),
    "batch: one id": lambda: ("plugin.batch", {"commands": [{"id": "i", "operation": "plugin.enable", "params": {}}] * ITEMS}),
    "batch: long ids": whole("plugin.batch", lambda n: {"commands": [{"id": f"{i}" + "i" * (n // ITEMS), "operation": "plugin.enable", "params": {}} for i in range(ITEMS)]}),
    "batch: unknown operations": whole("plugin.batch", lambda n: {"commands": [{"id": f"{i}", "operation": "o" * (n // ITEMS), "params": {}} for i in range(ITEMS)]}),
    "batch: long domains": batch(lambda i, n: new(i) | {"domain_id": "d" * n}),
    "batch: unknown parts": whole("plugin.batch", lambda n: {"commands": [], **{f"u{i}": 0 for i in range(n)}}),
}  # fmt: skip
"""Name to a batch with its keyword arguments."""
