"""Hypothesis strategies: random plugins, and random queries about them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from contracts.query.sums import MAX_SUMS

NOW = datetime(2026, 5, 20, 12, 30, 15, 250_000, tzinfo=UTC)
NAMES = ["a", "b", "A", "0", "1", "$ref", "$where", "a.b", ".", "", "~", "~1", "x\\y", "é"]
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "bA",
    "é",
    "É",
    "0",
    "$name",
    "$$ROOT",
    "{$gt: 1}",
    "a.*b",
    "(a",
    "~1",
    "line\nbreak",
    "2026-05-20",
]
NUMBERS = [0, 1, -1, 2, 1.0, 2.5, -0.5, 2**40, 2**62]
REGEXES = ["a", "^a", "a$", "^$", "a|b", "[^a]", "a.b", r"\$", "b?a", "é", r"\d"]
TIMES = [
    NOW,
    NOW - timedelta(days=1),
    NOW - timedelta(hours=13),
    datetime(2026, 5, 18, tzinfo=UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
]
ISO = [
    "2026-05-20T12:30:15.250Z",
    "2026-05-19",
    "2026-05-20T21:30:15.250+09:00",
    "20250101",
    "2026-05-18T00:00:00",
]
AGES = [
    "now",
    "now/d",
    "now/w",
    "now/m",
    "now - 1d",
    "now/d - 2d",
    "now/w + 3h",
    "now/m - 1w",
    "now + 10m",
    "now - 46800s",
]

texts, numbers = st.sampled_from(TEXTS), st.sampled_from(NUMBERS)
scalars = st.one_of(texts, numbers, st.booleans())
scalars_or_null = st.one_of(scalars, st.none())
names = st.one_of(st.just("a"), st.just("b"), st.sampled_from(NAMES))
values = st.recursive(
    scalars_or_null,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=8,
)
objects = st.dictionaries(names, values, min_size=1, max_size=4)


@st.composite
def plugins(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """The fields of a plugin, with the caller's own keys; ``number`` makes its id."""
    plugin: dict[str, Any] = {
        "plugin_id": f"plugin-{number}",
        "name": draw(st.sampled_from(["a", "A", "ab", "Zeta", "é", "$name", "x.y"])),
        "image": f"org/plugin-{number}",
        "registry_type": draw(st.sampled_from(["DOCKER_HUB", "HARBOR"])),
        "registry_url": "registry.hub.docker.com",
        "registry_config": {},
        "state": draw(st.sampled_from(["ENABLED", "DISABLED"])),
        "service_type": draw(st.sampled_from(["a.B", "monitoring.Webhook"])),
        "capability": {},
        "template": draw(objects),
        "labels": draw(st.lists(texts, max_size=3)),
        "tags": draw(objects),
        "repository_info": {"repository_id": "repo-local", "name": "Local", "repository_type": "local"},
        "created_at": draw(st.sampled_from(TIMES)),
        "updated_at": draw(st.sampled_from(TIMES)),
        "revision": draw(st.integers(1, 3)),
    }
    if draw(st.booleans()):
        plugin["provider"] = draw(st.sampled_from(["aws", "AWS", "a", "azure"]))
    return plugin


def key_of(parts: list[str]) -> str:
    """A key in the language: dots inside a part are escaped."""
    return ".".join(part.replace(".", "\\.") for part in parts)


flat_keys = st.sampled_from(
    [
        "plugin_id",
        "name",
        "state",
        "provider",
        "labels",
        "revision",
        "service_type",
        "created_at",
        "domain_id",
    ]
)
deep_keys = st.builds(
    lambda root, parts: key_of([root, *parts]),
    st.sampled_from(["tags", "tags", "template"]),
    st.one_of(st.lists(names, min_size=1, max_size=1), st.lists(names, min_size=1, max_size=3)),
)
odd_keys = st.sampled_from(["labels.0", "labels.1", "tags", "name.x"])
keys = st.one_of(flat_keys, deep_keys, deep_keys, deep_keys, odd_keys)
text_keys = st.one_of(st.sampled_from(["name", "provider", "labels", "tags.a", "tags.b", "plugin_id"]), keys)
deep_fields = deep_keys.filter(lambda key: ".0" not in key and ".1" not in key)
fields = st.one_of(flat_keys, deep_fields)


def _short_or_long(key: str, operator: str, value: Any, short: bool) -> dict[str, Any]:
    long = {"key": key, "operator": operator, "value": value}
    return {name[0]: item for name, item in long.items()} if short else long


def _condition(
    operators: list[str], values_: st.SearchStrategy[Any], keys_: st.SearchStrategy[str] = keys
) -> Any:
    return st.builds(_short_or_long, keys_, st.sampled_from(operators), values_, st.booleans())


_timeless = keys.filter(lambda key: key not in ("created_at", "updated_at"))
_times = st.sampled_from(["created_at", "updated_at"])
conditions = st.one_of(
    _condition(["eq", "not"], scalars_or_null, _timeless),
    _condition(["lt", "lte", "gt", "gte"], scalars, _timeless),
    _condition(["in", "not_in"], st.lists(scalars_or_null, max_size=3), _timeless),
    _condition(["eq", "not", "lt", "lte", "gt", "gte"], st.sampled_from(ISO), _times),
    _condition(["in", "not_in"], st.lists(st.sampled_from(ISO), max_size=2), _times),
    _condition(["exists"], st.booleans()),
    _condition(["contain", "not_contain"], texts, text_keys),
    _condition(["contain_in", "not_contain_in"], st.lists(texts, max_size=3), text_keys),
    _condition(
        ["match"],
        st.dictionaries(
            names.filter(lambda n: n != "" and n[0] != "$").map(lambda n: key_of([n])),
            scalars_or_null,
            min_size=1,
            max_size=2,
        ),
    ),
    _condition(["regex"], st.sampled_from(REGEXES), text_keys),
    _condition(["regex_in"], st.lists(st.sampled_from(REGEXES), max_size=2), text_keys),
    _condition(["datetime_lt", "datetime_lte", "datetime_gt", "datetime_gte"], st.sampled_from(ISO)),
    _condition(["timediff_lt", "timediff_lte", "timediff_gt", "timediff_gte"], st.sampled_from(AGES)),
)

_plugin_names = st.sampled_from(["a", "A", "ab", "x.y", "$name"])
apt_conditions = st.one_of(
    _condition(["eq", "not", "lt", "gte", "contain", "not_contain"], _plugin_names, st.just("name")),
    _condition(["in", "not_in", "contain_in", "not_contain_in"], st.lists(_plugin_names), st.just("name")),
    _condition(
        ["regex"], st.sampled_from(REGEXES), st.sampled_from(["name", "provider", "labels", "tags.a"])
    ),
    _condition(
        ["eq", "not", "contain", "not_contain"], texts, st.sampled_from(["labels", "tags.a", "tags.b"])
    ),
    _condition(["eq", "lt", "lte", "gt", "gte"], st.integers(1, 3), st.just("revision")),
    _condition(["lt", "lte", "gt", "gte"], scalars, st.sampled_from(["tags.a", "tags.b", "template.a"])),
    _condition(["eq", "not"], st.sampled_from(["aws", "a", None]), st.just("provider")),
    _condition(["exists"], st.booleans(), st.sampled_from(["provider", "tags.a", "tags.b", "labels.0"])),
    _condition(["timediff_lt", "timediff_gte"], st.sampled_from(AGES), _times),
    _condition(["datetime_lte", "datetime_gt", "eq", "not", "lt"], st.sampled_from(ISO), _times),
)
"""Conditions about what plugins differ in, so that they select some and not others."""

_any = st.one_of(conditions, apt_conditions)
_selection = {
    "filter": st.one_of(st.lists(_any, min_size=1, max_size=1), st.lists(_any, max_size=2)),
    "filter_or": st.one_of(st.just([]), st.just([]), st.lists(_any, max_size=3)),
    "keyword": st.one_of(st.just(""), st.just(""), st.just(""), st.lists(texts, max_size=2).map(" ".join)),
}
_pages: st.SearchStrategy[dict[str, int]] = st.one_of(
    st.just({}), st.fixed_dictionaries({"start": st.integers(-1, 4), "limit": st.integers(-1, 4)})
)
_sorted_by = st.builds(lambda key, desc: {"key": key, "desc": desc}, fields, st.booleans())
_sorts = st.one_of(
    st.just({}),
    _sorted_by,
    st.builds(lambda item: {"keys": [item, {"key": "state", "desc": True}]}, _sorted_by),
    st.builds(lambda item: [{"key": "registry_type"}, item], _sorted_by),
)


def _few_regexes(query: dict[str, Any]) -> bool:
    """Whether a query has no more regexes than it may have in the largest fields."""
    conditions = [
        (item.get("o") or item["operator"], item["v"] if "v" in item else item["value"])
        for item in (*query["filter"], *query["filter_or"])
    ]
    regexes = [value for operator, value in conditions if operator.startswith("regex")]
    count = sum(1 if isinstance(value, str) else len(value) for value in regexes)
    return count <= MAX_SUMS["regular expressions on large fields"]


lists = st.fixed_dictionaries(
    {
        **_selection,
        "sort": _sorts,
        "page": _pages,
        "only": st.one_of(st.just([]), st.just([]), st.lists(fields, max_size=3)),
        "minimal": st.sampled_from([False, False, False, True]),
    }
).filter(_few_regexes)

# --- statistics -----

_timeless_columns = st.one_of(
    st.sampled_from(["name", "provider", "labels", "revision", "tags"]), deep_fields
)
_group_conditions = st.lists(
    st.one_of(
        st.builds(
            _short_or_long, _timeless_columns, st.sampled_from(["eq", "not"]), scalars_or_null, st.booleans()
        ),
        st.builds(
            _short_or_long,
            _timeless_columns,
            st.sampled_from(["gt", "gte", "lt", "lte"]),
            scalars,
            st.booleans(),
        ),
    ),
    max_size=2,
)


def _named(fields: list[dict[str, Any]], prefix: str) -> list[dict[str, Any]]:
    return [{**field, "name": f"{prefix}{index}~é"} for index, field in enumerate(fields)]


_group_fields = st.lists(
    st.one_of(
        st.fixed_dictionaries({"operator": st.just("count"), "conditions": _group_conditions}),
        st.fixed_dictionaries(
            {
                "operator": st.sampled_from(["sum", "average"]),
                "key": st.one_of(st.just("revision"), deep_fields),
                "conditions": _group_conditions,
            }
        ),
        st.fixed_dictionaries(
            {
                "operator": st.sampled_from(["max", "min", "first", "last", "add_to_set", "merge_objects"]),
                "key": st.one_of(flat_keys, deep_fields, st.just("tags")),
            }
        ),
        st.fixed_dictionaries(
            {
                "operator": st.just("push"),
                "fields": st.builds(lambda k: _named([{"key": k}], "p"), deep_fields),
            }
        ),
    ),
    min_size=1,
    max_size=3,
).map(lambda fields: _named(fields, "f"))
_group_keys = st.lists(st.fixed_dictionaries({"key": st.one_of(flat_keys, deep_fields)}), max_size=2).map(
    lambda made: _named(made, "k")
)
_unwinds = st.sampled_from([[], [], [{"unwind": {"path": "labels"}}], [{"unwind": {"path": "tags.a"}}]])


@st.composite
def _aggregations(draw: st.DrawFn) -> list[dict[str, Any]]:
    stages: list[dict[str, Any]] = [{"sort": {"key": "plugin_id"}}, *draw(_unwinds)]
    if draw(st.booleans()):
        stages.append({"skip": draw(st.integers(0, 2))})
    if draw(st.integers(0, 3)):
        group = {"keys": draw(_group_keys), "fields": draw(_group_fields)}
        stages.append({"group": group})
        columns = [item["name"] for item in (*group["keys"], *group["fields"])]
    else:
        columns = ["name", "tags", "labels", "template"]
    if draw(st.booleans()):
        operators = st.sampled_from([None, "size", "object_to_array", "array_to_object"])
        fields = _named([{"key": draw(st.sampled_from(columns)), "operator": draw(operators)}], "n")
        stages.append({"project": {"fields": fields, "exclude_keys": draw(st.booleans())}})
        columns = [fields[0]["name"]]
    if draw(st.booleans()):
        stages.append({"sort": {"key": draw(st.sampled_from(columns)), "desc": draw(st.booleans())}})
    if draw(st.integers(0, 4)) == 0:
        stages.append({"count": {"name": "n"}})
    return stages


aggregations = st.fixed_dictionaries({**_selection, "aggregate": _aggregations()}).filter(_few_regexes)
distincts = st.fixed_dictionaries(
    {
        **_selection,
        "distinct": st.one_of(flat_keys, deep_fields, st.sampled_from(["tags", "labels"])),
        "page": _pages,
    }
).filter(_few_regexes)
