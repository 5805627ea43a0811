"""Commands that fill each free field of a write with what costs the most there."""

from collections.abc import Callable
from typing import Any

from tests.cost.filled import Kwargs, filled

DOMAIN = "cost"
LARGE = "large"
"""A plugin of nearly 1 MiB."""

NUMBERED = "numbered"
"""A domain of plugins full of numbers that take long to be written."""

LONG_NUMBERS = [1.7976931348623157e308 - index * 1e293 for index in range(15_000)]

DRAFTS = {
    "3": "http://json-schema.org/draft-03/schema#",
    "4": "http://json-schema.org/draft-04/schema#",
    "7": "http://json-schema.org/draft-07/schema#",
    "2019": "https://json-schema.org/draft/2019-09/schema",
    "2020": "https://json-schema.org/draft/2020-12/schema",
}
NODES = 4_900
"""Nearly as many as the schemas of a template may have."""

WIDE = "[\\u0100-\\uffff]"
"""A set of characters that takes Python milliseconds to compile."""


def registration(**fields: Any) -> Kwargs:
    """What a register carries."""
    return {"domain_id": DOMAIN, "name": "n", "service_type": "s", "image": "acme/costly", **fields}


def change(**fields: Any) -> Kwargs:
    """What a change of the large plugin carries."""
    return {"domain_id": DOMAIN, "plugin_id": LARGE, **fields}


def nested(depth: int, inside: Any) -> Any:
    """A value inside of so many objects."""
    for _ in range(depth):
        inside = {"a": inside}
    return inside


VALUES: dict[str, Callable[[int], Any]] = {
    "many keys": lambda n: {f"k{i}": i for i in range(n)},
    "escaped keys": lambda n: {f"~$.{i}": 0 for i in range(n)},
    "a long key": lambda n: {"~." * n: 0},
    "a long key above many values": lambda n: {"k" * (6 * n): [0] * n},
    "a long text": lambda n: {"t": "x" * n},
    "control characters": lambda n: {"t": "\x01" * n},
    "wide characters": lambda n: {"t": "\U0001f600" * n},
    "combining characters": lambda n: {"t": "\u0301" * n},
    "numbers": lambda n: {"l": [9_007_199_254_740_993] * n},
    "fractions": lambda n: {"l": [1.7976931348623157e308] * n},
    "small numbers": lambda n: {"l": [1] * n},
    "empty lists": lambda n: {"l": [[]] * n},
    "empty objects": lambda n: {"l": [{}] * n},
    "deep objects": lambda n: {"l": [nested(28, 0)] * (n // 28)},
    "almost kombu's": lambda n: {"l": [{"__type__": 0}] * n},
    "secrets that are none": lambda n: {f"passwor{i}": 0 for i in range(n)},
    "texts": lambda n: {"l": [""] * n},
}
"""Free JSON."""


def subschemas(draft: str) -> Callable[[int], Any]:
    return lambda n: {"$schema": draft, "anyOf": [{}] * min(n, NODES)}


def properties(draft: str) -> Callable[[int], Any]:
    def make(count: int) -> Any:
        names = [f"p{index}" for index in range(min(count, NODES))]
        return {"$schema": draft, "properties": {name: {"type": "string", "title": ""} for name in names}}

    return make


SCHEMAS: dict[str, Callable[[int], Any]] = {
    **{f"subschemas of draft {name}": subschemas(uri) for name, uri in DRAFTS.items()},
    **{f"properties of draft {name}": properties(uri) for name, uri in DRAFTS.items()},
    "unique items": lambda n: {"$schema": DRAFTS["4"], "enum": [{"x": i} for i in range(min(n, NODES))]},
    "unique texts": lambda n: {"required": [f"{i}" for i in range(n)]},
    "texts that are not unique": lambda n: {"type": ["string"] * n},
    "dependencies": lambda n: {"dependencies": {f"{i}": ["a"] for i in range(min(n, NODES // 2))}},
    "a reference in a circle": lambda n: {"$ref": "#", "definitions": {f"d{i}": {"$ref": f"#/definitions/d{i + 1}"} for i in range(min(n, NODES))}},
    "deep subschemas": lambda n: nested_schemas(n),
    "too many nodes": lambda n: {"anyOf": [{}] * n},
    "wrong numbers": lambda n: {"properties": {f"p{i}": 0 for i in range(n)}},
    "wide patterns": lambda n: {"anyOf": [{"pattern": WIDE * 60}] * min(n, 20)},
    "one wide pattern": lambda n: {"pattern": WIDE * n},
    "patterns of groups": lambda n: {"anyOf": [{"pattern": "(a|b)" * 199}] * min(n, 10)},
    "patterns in groups": lambda n: {"anyOf": [{"pattern": "(" * 300 + ")" * 300}] * min(n, 16)},
    "patterns of names": lambda n: {"anyOf": [{"pattern": "\\N{LATIN SMALL LETTER A}" * 40}] * min(n, 10)},
    "pattern properties": lambda n: {"patternProperties": {f"{i}[a-z]+": True for i in range(min(n, 900))}},
    "a long draft": lambda n: {"$schema": "http://" + "x" * n},
    "a long anchor": lambda n: {"$schema": DRAFTS["2020"], "$anchor": "a" * n, "$id": "#" * 2},
    "many keywords": lambda n: {f"x{i}": 0 for i in range(n)},
}  # fmt: skip
"""What may stand at `schema`."""


def nested_schemas(count: int) -> Any:
    """Schemas inside of schemas, as deep as JSON may be."""
    deep: Any = {}
    for _ in range(12):
        deep = {"not": {"items": deep}}
    return {"anyOf": [deep] * min(count // 25, NODES // 25)}


def in_field(field: str, make: Callable[[int], Any]) -> Callable[[], tuple[str, Kwargs]]:
    """A registration with one field filled."""
    return lambda: (
        "plugin.register",
        filled("plugin.register", lambda n: registration(**{field: make(n)})),
    )


def as_schema(make: Callable[[int], Any]) -> Callable[[int], Any]:
    return lambda n: {"options": {"schema": make(n)}}


def whole(task: str, make: Callable[[int], Kwargs]) -> Callable[[], tuple[str, Kwargs]]:
    """A command that is filled."""
    return lambda: (task, filled(task, make))


WRITES: dict[str, Callable[[], tuple[str, Kwargs]]] = {
    **{f"tags: {name}": in_field("tags", make) for name, make in VALUES.items()},
    **{f"schema: {name}": in_field("template", as_schema(make)) for name, make in SCHEMAS.items()},
    "template: many schemas": in_field("template", lambda n: {f"o{i}": {"schema": True} for i in range(n)}),
    "template: a long name": in_field("template", lambda n: {"o" * n: {"schema": 0}}),
    "capability: escaped keys": in_field("capability", VALUES["escaped keys"]),
    "registry_config: no secrets": in_field("registry_config", VALUES["secrets that are none"]),
    "registry_config: a secret below": in_field("registry_config", lambda n: {"k" * n: {"a": [{}] * 9 + [{"token": 0}]}}),
    "registry_config: a long credential": in_field("registry_config", lambda n: {"credential": "c" * n}),
    "registry_url: long": in_field("registry_url", lambda n: "a." * n),
    "registry_url: labels": lambda: ("plugin.register", registration(registry_type="OCI", registry_url="a." * 127)),
    "labels: many": in_field("labels", lambda n: [""] * n),
    "labels: numbers": in_field("labels", lambda n: [0] * n),
    "labels: long": in_field("labels", lambda n: ["l" * 256] * (n // 256)),
    "labels: objects": in_field("labels", lambda n: [{}] * n),
    "name: long": in_field("name", lambda n: "n" * n),
    "image: long": in_field("image", lambda n: "i" * n),
    "image: parts": lambda: ("plugin.register", registration(image="a/" * 500 + "a-_")),
    "image: dashes": lambda: ("plugin.register", registration(image="a" + "-" * 1_000 + "A")),
    "domain_id: long": in_field("domain_id", lambda n: "d" * n),
    "provider: long": in_field("provider", lambda n: "p" * n),
    "register: unknown fields": whole("plugin.register", lambda n: registration(**{f"u{i}": 0 for i in range(n)})),
    "register: a long unknown field": whole("plugin.register", lambda n: registration(**{"u" * n: 0})),
    "update: many keys": whole("plugin.update", lambda n: change(tags=VALUES["many keys"](n))),
    "update: what is there": lambda: ("plugin.update", change(labels=large_labels())),
    "update: almost what is there": lambda: ("plugin.update", change(labels=[*large_labels()[:-1], "y"])),
    "update: unknown fields": whole("plugin.update", lambda n: change(**{f"u{i}": 0 for i in range(n)})),
    "enable: large": lambda: ("plugin.enable", change()),
    "disable: large": lambda: ("plugin.disable", change()),
    "disable: a long id": whole("plugin.disable", lambda n: {"domain_id": DOMAIN, "plugin_id": "p" * n}),
    "disable: slashes": lambda: ("plugin.disable", {"domain_id": DOMAIN, "plugin_id": "/" * 255}),
    "deregister: unknown fields": whole("plugin.deregister", lambda n: change(**{f"u{i}": [] for i in range(n)})),
}  # fmt: skip
"""Name to a write with its keyword arguments."""


def large_labels() -> list[str]:
    return ["l"] * 75_000
