"""Texts and regular expressions find what they should, and cost little in the worst of plugins."""

from typing import Any

import pytest

from contracts.query import parse_query
from tests.store.catalogue import document
from worker.store.search import Search

PATIENT_S = 60.0


def found(collection: Any, key: str, operator: str, value: Any) -> int:
    query = parse_query({"filter": [{"k": key, "o": operator, "v": value}], "count_only": True})
    return Search(collection, time_limit_s=PATIENT_S).list("d", query).total_count or 0


@pytest.mark.parametrize("key", ["name", "tags.text"])
@pytest.mark.parametrize(
    ("regex", "matches"),
    [
        ("SLACK", True),
        ("^mail|slack$", True),
        ("^sends|nothing", True),
        ("^to", False),
        ("mail$", False),
        (r"\bto\b", True),
        (r"(s).*\1", True),
        (r"(?P<x>t)o (?P=x)", False),
        (r"(?<=to )slack", True),
        ("(?x) to \\s slack  # the channel", True),
        ("", True),
    ],
)
def test_a_regex_matches_anywhere(collection: Any, key: str, regex: str, matches: bool) -> None:
    text = "Sends mail\nto Slack"
    collection.insert_one(document(1, name=text, tags={"text": text}))
    assert found(collection, key, "regex", regex) == matches
    assert found(collection, key, "regex_in", ["none", regex]) == matches


def test_in_a_large_field_a_regex_looks_at_texts_of_up_to_1024_characters(collection: Any) -> None:
    collection.insert_one(document(1, tags={"fits": "é" * 1_023 + "x", "longer": "é" * 1_024 + "x"}))
    assert found(collection, "tags.fits", "regex", "x$") == 1
    assert found(collection, "tags.longer", "regex", "x$") == 0
    assert found(collection, "tags.longer", "contain", "X") == 1


@pytest.mark.parametrize(
    ("tags", "operator", "value"),
    [
        (["a" * 30 + "!"] * 2_000, "regex_in", ["(a+)+$", "(a|a)+$"]),
        ("a" * 30_000, "regex_in", ["a*a*b", "(a?){12}b"]),
        ("a" * 350_000, "contain", "a" * 999 + "b"),
        ("a" * 350_000, "contain_in", ["a" * 98 + last for last in "bcdefghijk"]),
    ],
    ids=["many texts", "a long text", "a word", "words"],
)
def test_the_worst_plugin_is_gone_through(collection: Any, tags: Any, operator: str, value: Any) -> None:
    collection.insert_one(document(1, tags={"t": tags}))
    assert found(collection, "tags.t", operator, value) == 0


def test_the_worst_name_is_gone_through(collection: Any) -> None:
    collection.insert_one(document(1, name="a" * 254 + "!"))
    assert found(collection, "name", "regex_in", [f"(a+)+[b{n}]?$" for n in range(20)]) == 0
