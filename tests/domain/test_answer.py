"""The room of an answer is counted in what is sent, whether it had to be measured or not."""

import json

import pytest
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st

from worker.domain import answer
from worker.domain.answer import AnswerSize, answer_text

MOST = 100


@pytest.fixture(autouse=True, scope="module")
def small_answers() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answer, "MAX_ANSWER_BYTES", MOST)
        yield


@given(st.lists(st.tuples(st.text(max_size=30), st.one_of(st.none(), st.integers(0, 40)))))
def test_what_fits_is_taken_and_nothing_else(parts: list[tuple[str, int | None]]) -> None:
    answer_size, taken = AnswerSize(), 0
    for part, more in parts:
        size = len(json.dumps(part)) + len(",")
        fits = taken + size <= MOST
        assert answer_size.add(part, None if more is None else size + more) is fits
        taken += size * fits


@pytest.mark.parametrize("text", ["\x01\u2028é😀", "plain"])
def test_an_answer_is_json_in_ascii_of_the_same_value(text: str) -> None:
    value = {"a": [text, 1.7976931348623157e308, 5e-324, -0.0, 1e22, 2**63 - 1, Int64(5), True, None]}
    made = answer_text(value)
    assert json.loads(made) == value
    assert made.isascii()
    assert "-0.0" in made
