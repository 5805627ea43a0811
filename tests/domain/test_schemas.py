"""Schemas are checked as `jsonschema` checks them, whatever their draft."""

# mypy: disallow-untyped-calls=False

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import validators
from jsonschema_specifications import REGISTRY

from contracts.pattern import parse_pattern
from worker.domain.schemas.drafts import KEYWORDS, draft_of

DRAFTS = [
    validators.Draft3Validator,
    validators.Draft4Validator,
    validators.Draft6Validator,
    validators.Draft7Validator,
    validators.Draft201909Validator,
    validators.Draft202012Validator,
]
WORDS = sorted(
    {
        name
        for uri in REGISTRY
        for name in [*REGISTRY.contents(uri).get("properties", ()), *REGISTRY.contents(uri).get("$defs", ())]
    }
    - {"$schema"}
)
SCALARS = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        2.0,
        0.5,
        "",
        "a",
        "string",
        "object",
        "(",
        "[a-z]+",
        "#a",
        "a b",
        "http://x",
    ]
)

VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 2.0, 0.5, "", "string", "(", "#a"),
    *(
        [],
        {},
        [1],
        ["a"],
        ["a", "a"],
        ["a", 1],
        [{}],
        [True],
        [1, 1.0],
        [1, True],
        [0.0, -0.0],
        [[1], [1.0]],
        [[1], [True]],
    ),
    *(
        [1e308, 1e308],
        [1e308, 1e307],
        [2.0**53, 2**53],
        [2.0**53, 2**53 + 1],
        [-(2.0**63), -(2**63)],
        [2.0**63, 2**63 - 1],
    ),
    *(
        ["1", 1],
        [[1], "[1]"],
        [{"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}],
        [{"a": 1e16}, {"a": 10**16}],
        [None, False, 0, ""],
    ),
    *(
        [12_345_678, 4.08205578e-33],
        [0.1, 0.10000000000000001],
        [5e-324, 5e-324],
        [b"".hex(), [], {}],
        [{"a": 0.0}, {"a": -0.0}],
    ),
    *({"a": [1e308, 1e308]}, {"a": 1}, {"(": {}}, {"a": {}}, {"a": []}, {"a": ["b"]}, {"a": "b"}),
]


def parts_of(schema: Any) -> Iterator[Any]:
    """A meta-schema and every schema in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for keyword in ("properties", "definitions", "$defs"):
        for part in schema.get(keyword, {}).values():
            yield from parts_of(part)
    for keyword in ("additionalProperties", "items", "propertyNames"):
        yield from parts_of(schema.get(keyword))
    for keyword in ("allOf", "anyOf", "type"):
        for part in schema[keyword] if isinstance(schema.get(keyword), list) else ():
            yield from parts_of(part)


def values(size: int) -> st.SearchStrategy[Any]:
    """JSON of keywords and what may be their values."""
    if not size:
        return SCALARS
    inner = values(size - 1)
    keys = st.sampled_from([*WORDS, "x"])
    return SCALARS | st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)


def test_every_keyword_of_the_meta_schemas_is_known() -> None:
    used = {keyword for uri in REGISTRY for part in parts_of(REGISTRY.contents(uri)) for keyword in part}
    assert used - KEYWORDS == set()


@pytest.mark.parametrize("draft", DRAFTS)
@given(schema=st.dictionaries(st.sampled_from(WORDS), values(3), max_size=4))
def test_a_schema_is_valid_if_jsonschema_says_so(draft: Any, schema: dict[str, Any]) -> None:
    schema["$schema"] = draft.ID_OF(draft.META_SCHEMA)
    flaw = draft_of(schema).flaw(schema, parse_pattern)
    checker = draft(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER)
    error = next(checker.iter_errors(schema), None)
    assert (flaw is None) == (error is None), (flaw, error)


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("keyword", WORDS)
def test_a_keyword_may_be_what_jsonschema_says(draft: Any, keyword: str) -> None:
    named = draft.ID_OF(draft.META_SCHEMA)
    checker = draft(draft.META_SCHEMA, format_checker=draft.FORMAT_CHECKER)
    for value in VALUES:
        schema = {"$schema": named, keyword: value}
        flaw = draft_of(schema).flaw(schema, parse_pattern)
        assert (flaw is None) == checker.is_valid(schema), (value, flaw)
