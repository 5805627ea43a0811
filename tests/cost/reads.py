"""Reads with every operator and stage of the query language at its limits, and beyond them."""

from collections.abc import Callable
from typing import Any

from contracts.query.keys import FIELDS
from tests.cost.filled import Kwargs
from tests.cost.writes import DOMAIN, LARGE, NUMBERED, WIDE, whole

DEEP = "tags" + ".abc" * 31
LONG = "tags." + "k" * 507
Read = Callable[[], tuple[str, Kwargs]]


def condition(operator: str, value: Any, key: str = "name") -> dict[str, Any]:
    return {"k": key, "o": operator, "v": value}


def listed(**query: Any) -> Read:
    """A list by a query."""
    return lambda: ("plugin.list", {"domain_id": DOMAIN, "query": query})


def counted(*stages: Any, **query: Any) -> Read:
    """Statistics by stages."""
    return lambda: ("plugin.stat", {"domain_id": DOMAIN, "query": {"aggregate": list(stages), **query}})


def many(make: Callable[[int], Any], task: str = "plugin.list") -> Read:
    """A read whose query is filled."""
    return whole(task, lambda n: {"domain_id": DOMAIN, "query": make(n)})


def grouped(**fields: Any) -> dict[str, Any]:
    return {"group": {"keys": [{"key": "name", "name": "name"}], **fields}}


PATTERNS = {
    "wide": WIDE * 15,
    "groups": "(a|b)" * 51,
    "in groups": "(" * 100 + "a" + ")" * 100,
    "repeated": "(a+)+" * 51,
    "counted": "a{1000}" * 36,
    "names": "\\N{LATIN SMALL LETTER A}" * 10,
    "looking ahead": "(?=a)" * 51,
    "cased": "[a-zA-Z\\w]" * 25,
    "not": "[^\\u0000-\\u0ffe]" * 15,
    "any letter": "\\w\\W" * 60,
}
OPERATORS: dict[str, list[dict[str, Any]]] = {
    **{operator: [condition(operator, "x" * 3_000)] * 100 for operator in ("eq", "not", "lt", "lte", "gt", "gte")},
    **{operator: [condition(operator, [f"{i:08}" for i in range(10_000)])] * 2 for operator in ("in", "not_in")},
    "in of a deep key": [condition("in", list(range(200)), DEEP)] * 100,
    "exists": [condition("exists", True, DEEP)] * 100,
    **{operator: [condition(operator, ".*" * 512)] * 100 for operator in ("contain", "not_contain")},
    **{operator: [condition(operator, [f"{i:0150}" for i in range(1_000)])] * 2 for operator in ("contain_in", "not_contain_in")},
    "contain_in of large fields": [condition("contain_in", ["a" * 10] * 100, "tags")],
    "match": [condition("match", {f"a{i}.b": i for i in range(50)}, "labels")] * 10,
    "match of deep keys": [condition("match", {f"a{i}" + ".b" * 31: i for i in range(50)}, "labels")] * 10,
    **{f"regex {name}": [condition("regex", pattern)] * 100 for name, pattern in PATTERNS.items()},
    "regex_in": [condition("regex_in", [*PATTERNS.values(), *PATTERNS.values()])] * 5,
    "regex of large fields": [condition("regex_in", [WIDE * 15] * 8, "tags")],
    "datetime": [condition("datetime_gt", "2026-01-01T00:00:00.000000+00:00", "created_at")] * 100,
    "timediff": [condition("timediff_gt", "now/w - 3162240000s", "created_at")] * 100,
    "long keys": [condition("eq", 0, LONG)] * 100,
    "short names": [{"k": "name", "v": None, "o": "eq", "key": "name", "value": 0}] * 100,
}  # fmt: skip
"""Conditions at their limits."""

DEEP_GROUP = grouped(
    fields=[
        {
            "name": f"f{i}",
            "operator": "sum",
            "key": "tags.a",
            "conditions": [{"key": DEEP, "operator": "eq", "value": 0}],
        }
        for i in range(3)
    ]
)
WIDE_GROUP = {
    "group": {
        "keys": [{"key": f"tags.k{i}", "name": f"k{i}"} for i in range(50)],
        "fields": [{"name": f"f{i}", "operator": "max", "key": f"tags.f{i}"} for i in range(50)],
    }
}
PUSHES = grouped(
    fields=[
        {
            "name": f"p{i}",
            "operator": "push",
            "fields": [{"key": "labels", "name": f"l{j}"} for j in range(50)],
        }
        for i in range(50)
    ]
)
PROJECT = {"project": {"fields": [{"key": f"name.a{i}", "name": f"f{i}"} for i in range(50)]}}
CONVERTED = {
    "project": {
        "fields": [
            {"key": "tags", "name": f"{operator}{i}", "operator": operator}
            for operator in ("size", "array_to_object", "object_to_array")
            for i in range(16)
        ]
    }
}

READS: dict[str, Read] = {
    "list: long numbers": lambda: ("plugin.list", {"domain_id": NUMBERED}),
    "list: parts with long numbers": lambda: ("plugin.list", {"domain_id": NUMBERED, "query": {"only": ["tags.l"]}}),
    "list: most long numbers": lambda: ("plugin.list", {"domain_id": NUMBERED, "query": {"page": {"start": 1, "limit": 9}}}),
    "get: long numbers": lambda: ("plugin.get", {"domain_id": NUMBERED, "plugin_id": "numbers1"}),
    "stat: distinct numbers": lambda: ("plugin.stat", {"domain_id": NUMBERED, "query": {"distinct": "tags.l"}}),
    "stat: sums of long numbers": lambda: ("plugin.stat", {"domain_id": NUMBERED, "query": {"aggregate": [{"unwind": {"path": "tags.l"}}, grouped(fields=[{"name": "s", "operator": "sum", "key": "tags.l"}])]}}),
    **{f"list: {name}": listed(filter=conditions) for name, conditions in OPERATORS.items()},
    "list: all at once": listed(
        filter=[OPERATORS["contain_in"][0], *OPERATORS["match"]],
        filter_or=OPERATORS["regex repeated"],
        keyword="a " * 100,
        only=[f"tags.{'k' * 500}{i}" for i in range(100)],
        sort=[{"key": f"tags.s{i}" + ".a" * 29} for i in range(16)],
    ),
    "list: everything": listed(),
    "list: a keyword": listed(keyword="*" * 1_024),
    "list: keywords": listed(keyword="ab " * 100),
    "list: blank keywords": listed(keyword=" " * 1_024),
    "list: a long keyword": many(lambda n: {"keyword": "k" * n}),
    "list: sorts": listed(sort=[{"key": f"tags.s{i}" + ".a" * 29} for i in range(16)]),
    "list: too many sorts": many(lambda n: {"sort": [{"key": "x"}] * n}),
    "list: only": listed(only=[f"tags.{'.' * 0}a{i}" + ".b" * 29 for i in range(100)]),
    "list: too many only": many(lambda n: {"only": ["name"] * n}),
    "list: a long key": many(lambda n: {"filter": [condition("eq", 0, "tags" + "." * n)]}),
    "list: a far page": listed(page={"start": 2**62, "limit": 2**62}),
    "list: too many conditions": many(lambda n: {"filter": [condition("eq", 0)] * n}),
    "list: wrong conditions": many(lambda n: {"filter": [0] * n}),
    "list: empty conditions": many(lambda n: {"filter": [{}] * n}),
    "list: unknown operators": many(lambda n: {"filter": [condition("o" * (n // 100), 0)] * 100}),
    "list: wrong values": many(lambda n: {"filter": [condition("contain_in", [0] * n)]}),
    "list: a long value": many(lambda n: {"filter": [condition("eq", "v" * n)]}),
    "list: a long pattern": many(lambda n: {"filter": [condition("regex", WIDE * n)]}),
    "list: a long time": many(lambda n: {"filter": [condition("datetime_gt", "2" * n)]}),
    "list: many times": listed(filter=[condition("in", [f"2026-01-01T00:00:{i % 60:02}" for i in range(10_000)], "created_at")]),
    "list: unknown fields": many(lambda n: {f"u{i}": 0 for i in range(n)}),
    "list: names": whole("plugin.list", lambda n: {"domain_id": DOMAIN, "name": [f"n{i}" for i in range(n)]}),
    "list: numbers for names": whole("plugin.list", lambda n: {"domain_id": DOMAIN, "name": [0] * n}),
    "list: every shortcut": whole("plugin.list", lambda n: {"domain_id": DOMAIN, **dict.fromkeys(("plugin_id", "name", "service_type", "provider"), ["x"] * (n // 4))}),
    "list: states": whole("plugin.list", lambda n: {"domain_id": DOMAIN, "state": ["ENABLED"] * n}),
    "list: repositories": whole("plugin.list", lambda n: {"domain_id": DOMAIN, "repository_id": [f"r{i}" for i in range(n)]}),
    "get: large": lambda: ("plugin.get", {"domain_id": DOMAIN, "plugin_id": LARGE}),
    "get: only": lambda: ("plugin.get", {"domain_id": DOMAIN, "plugin_id": LARGE, "only": [f"tags.a{i}" + ".b" * 29 for i in range(100)]}),
    "get: too many only": whole("plugin.get", lambda n: {"domain_id": DOMAIN, "plugin_id": LARGE, "only": ["x"] * n}),
    "get: a long id": whole("plugin.get", lambda n: {"domain_id": DOMAIN, "plugin_id": "p" * n}),
    "get: unknown fields": whole("plugin.get", lambda n: {"domain_id": DOMAIN, "plugin_id": LARGE, **{f"u{i}": 0 for i in range(n)}}),
    "get_versions: a long repository": whole("plugin.get_versions", lambda n: {"domain_id": DOMAIN, "plugin_id": LARGE, "repository_id": "r" * n}),
    "stat: distinct labels": lambda: ("plugin.stat", {"domain_id": DOMAIN, "query": {"distinct": "labels"}}),
    "stat: a deep distinct": lambda: ("plugin.stat", {"domain_id": DOMAIN, "query": {"distinct": DEEP}}),
    "stat: wide groups": counted(WIDE_GROUP),
    "stat: deep groups": counted(DEEP_GROUP),
    "stat: groups of groups": counted(WIDE_GROUP, *[{"group": {"keys": [{"key": f"k{i}", "name": f"k{i}"} for i in range(50)], "fields": [{"name": "n", "operator": "count"}]}}] * 19),
    "stat: pushes": counted(PUSHES),
    "stat: projects": counted(*[{"project": {"fields": [{"key": "name", "name": f"f{i}"} for i in range(49)] + [{"key": "name", "name": "name"}]}}] * 20),
    "stat: deep projects": counted(PROJECT),
    "stat: converted": counted(CONVERTED),
    "stat: sorts": counted(*[{"sort": [{"key": f"tags.a{i}" + ".b" * 29} for i in range(16)]}] * 20),
    "stat: unwound": counted(*[{"unwind": {"path": "labels"}}] * 20),
    "stat: sets": counted(grouped(fields=[{"name": f"s{i}", "operator": "add_to_set", "key": "labels"} for i in range(50)])),
    "stat: merged": counted(grouped(fields=[{"name": f"m{i}", "operator": "merge_objects", "key": "tags"} for i in range(50)])),
    "stat: formats": counted({"group": {"keys": [{"key": "created_at", "name": f"d{i}", "date_format": "%Y-%m-%dT%H:%M:%S.%L%z" * 2} for i in range(50)]}}),
    "stat: too many stages": many(lambda n: {"aggregate": [{"limit": 1}] * n}, "plugin.stat"),
    "stat: wrong stages": many(lambda n: {"aggregate": [{"group": {"fields": [0] * n}}]}, "plugin.stat"),
    "stat: a long format": many(lambda n: {"aggregate": [{"group": {"keys": [{"key": "created_at", "name": "d", "date_format": "%" * n}]}}]}, "plugin.stat"),
    "stat: unknown columns": counted({"project": {"fields": [{"key": "name", "name": "n" * 128}]}}, {"sort": {"key": "k" * 512}}),
    "stat: all fields": counted({"unwind": {"path": "labels"}}, {"project": {"fields": [{"key": field, "name": field} for field in sorted(FIELDS)]}}),
}  # fmt: skip
"""Name to a read with its keyword arguments."""
