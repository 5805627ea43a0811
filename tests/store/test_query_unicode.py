"""What texts, regular expressions and orders know of Unicode: all that the docs say of it, on a real MongoDB."""

from typing import Any

import pytest

from contracts.errors import InvalidQuery
from contracts.query import parse_query
from tests.store.catalogue import document
from tests.store.test_query_patterns import found
from worker.store.search import Search

COMPOSED, DECOMPOSED = "é", "e\u0301"
FAMILY = "\U0001f469\u200d\U0001f467"
SHARP_S, CAPITAL_SHARP_S, LIGATURE_FI = "\u00df", "\u1e9e", "\ufb01"
DOTTED_I, DOTLESS_I = "\u0130", "\u0131"
KELVIN, LONG_S = "\u212a", "\u017f"
ARABIC_THREE, NO_BREAK_SPACE, EM_SPACE = "\u0663", "\u00a0", "\u2003"


def keyword(search: Search, word: str) -> int:
    return search.list("d", parse_query({"keyword": word, "count_only": True})).total_count or 0


@pytest.mark.parametrize(
    ("text", "word", "finds"),
    [
        ("ÉCOLE", "école", True),
        ("école", "ÉCOLE", True),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ", True),
        ("москва", "МОСКВА", True),
        ("ａｂｃ", "ＡＢＣ", True),
        (KELVIN, "k", True),
        (LONG_S, "S", True),
        (SHARP_S, CAPITAL_SHARP_S, True),
        # Nothing becomes longer or shorter by its case.
        ("straße", "STRASSE", False),
        (LIGATURE_FI, "fi", False),
        # The letters of Turkish have no other case.
        (DOTTED_I, "i", False),
        (DOTLESS_I, "I", False),
        # The same to a reader, and not the same characters.
        (COMPOSED, DECOMPOSED, False),
        (DECOMPOSED, COMPOSED, False),
        ("ａ", "a", False),
        ("e", COMPOSED, False),
    ],
)
def test_a_text_is_found_in_any_case_character_by_character(
    collection: Any, search: Search, text: str, word: str, finds: bool
) -> None:
    collection.insert_one(document(1, plugin_id="0", name=text, provider=None, labels=[]))
    assert found(collection, "name", "contain", word) == finds
    assert found(collection, "name", "not_contain", word) == (not finds)
    assert found(collection, "name", "contain_in", ["-", word]) == finds
    assert found(collection, "name", "regex", word) == finds
    assert keyword(search, word) == finds


@pytest.mark.parametrize("text", [COMPOSED, "É", SHARP_S, "ж", "中", ARABIC_THREE])
def test_the_classes_of_a_regex_know_ascii_only(collection: Any, text: str) -> None:
    collection.insert_one(document(1, name=f"x{text}"))
    for regex in (r"x\w", r"x[[:alpha:]]", r"x\d", rf"{text}\b"):
        assert found(collection, "name", "regex", regex) == 0
    # A letter that is none ends a word.
    for regex in (r"x\b", r"x\W$", rf"x[{text}]$", "^x.$", r"x[^\x00-\x7f]$"):
        assert found(collection, "name", "regex", regex) == 1


@pytest.mark.parametrize("blank", [NO_BREAK_SPACE, EM_SPACE])
def test_a_blank_of_a_regex_is_one_of_ascii(collection: Any, blank: str) -> None:
    collection.insert_one(document(1, name=f"a{blank}b"))
    assert found(collection, "name", "regex", r"a\sb") == 0
    assert found(collection, "name", "regex", r"a\Sb") == 1


def test_a_range_of_a_regex_has_letters_of_any_case(collection: Any) -> None:
    collection.insert_many([document(1, name="É"), document(2, name="é"), document(3, name="e")])
    assert found(collection, "name", "regex", "[à-ý]") == 2


@pytest.mark.parametrize("regex", [r"\p{L}", r"(?u)\w", r"(?a)\w", r"(?L)\w"])
def test_there_is_no_way_to_ask_for_letters_of_every_script(collection: Any, regex: str) -> None:
    collection.insert_one(document(1, name="é"))
    with pytest.raises(InvalidQuery):
        found(collection, "name", "regex", regex)


@pytest.mark.parametrize(("text", "length"), [("\U0001f600", 1), (FAMILY, 3), (DECOMPOSED, 2), (COMPOSED, 1)])
def test_a_dot_is_one_code_point(collection: Any, text: str, length: int) -> None:
    collection.insert_one(document(1, name=text))
    assert [found(collection, "name", "regex", f"^.{{{n}}}$") for n in (1, 2, 3)] == [
        int(n == length) for n in (1, 2, 3)
    ]


@pytest.mark.parametrize("operator", ["eq", "in"])
def test_equal_is_equal_in_each_code_point(collection: Any, operator: str) -> None:
    collection.insert_one(document(1, name=COMPOSED))
    for value, count in ((COMPOSED, 1), ("É", 0), (DECOMPOSED, 0)):
        assert found(collection, "name", operator, [value] if operator == "in" else value) == count


def test_texts_are_sorted_by_code_point(collection: Any, search: Search) -> None:
    """Capitals before small letters, digit by digit, and whatever is not ASCII behind it."""
    names = [
        " a",
        "10",
        "2",
        "A",
        "Z",
        "_",
        "a",
        DECOMPOSED,
        "z",
        "É",
        SHARP_S,
        COMPOSED,
        DOTTED_I,
        "Ω",
        "Ａ",
        "😀",
    ]
    collection.insert_many([document(i, name=name) for i, name in enumerate(reversed(names))])
    assert names == sorted(names)
    sorts: list[Any] = [[], {"key": "name"}]
    for sort in sorts:
        assert [row["name"] for row in search.list("d", parse_query({"sort": sort})).rows] == names
    backwards = search.list("d", parse_query({"sort": {"key": "name", "desc": True}})).rows
    assert [row["name"] for row in backwards] == names[::-1]
    assert found(collection, "name", "gt", "Z") == len(names) - names.index("Z") - 1
