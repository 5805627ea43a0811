"""The conditions of ``filter`` and ``filter_or``: a model for each shape of value, chosen by ``operator``."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from contracts.query.faults import expected
from contracts.query.keys import TIMES, AnyKey, Key
from contracts.query.scalars import (
    IsoTime,
    Regex,
    Regexes,
    Scalar,
    ScalarOrNull,
    Scalars,
    Timediff,
    Word,
    Words,
    parse_time,
)
from contracts.query.shape import NamedPart, lengthened

MAX_CONDITIONS = 100
"""The largest number of conditions in one list."""

MAX_PAIRS = 50
"""The largest number of pairs in one ``match``."""

MAX_KEYWORDS = 100
"""The largest number of words in a ``keyword``."""


class _Condition(NamedPart):
    key: Key


class _OfScalars(_Condition):
    @model_validator(mode="after")
    def _times_are_times(self) -> Self:
        given = getattr(self, "value", None)
        texts = [item for item in (given if isinstance(given, list) else [given]) if isinstance(item, str)]
        if self.key in TIMES and any(parse_time(text) is None for text in texts):
            raise expected(f"an ISO 8601 time, as {self.key} is one", "value")
        return self


class Equality(_OfScalars):
    """Equal, or not; on a list any element, or no element. null matches null or missing."""

    operator: Literal["eq", "not"]
    value: ScalarOrNull


class Comparison(_OfScalars):
    """Less or greater, among values of the same type; on a list any element."""

    operator: Literal["lt", "lte", "gt", "gte"]
    value: Scalar


class Membership(_OfScalars):
    """Equal to any of the values, or to none of them; ``[]`` matches no row, or every row."""

    operator: Literal["in", "not_in"]
    value: Scalars


class Existence(_Condition):
    """Whether there is a value."""

    operator: Literal["exists"]
    value: bool


class Substring(_Condition):
    """Whether a literal text occurs, in any case; on a list in any element."""

    operator: Literal["contain", "not_contain"]
    value: Word


class Substrings(_Condition):
    """Whether any of some literal texts occurs, or none of them."""

    operator: Literal["contain_in", "not_contain_in"]
    value: Words


class ElementMatch(_Condition):
    """Whether one element of a list has all of the pairs; the keys are paths inside the element."""

    operator: Literal["match"]
    value: Annotated[dict[AnyKey, ScalarOrNull], Field(min_length=1, max_length=MAX_PAIRS)]

    @model_validator(mode="after")
    def _no_operators(self) -> Self:
        if any(key.startswith("$") for key in self.value):
            raise expected("plain fields: keys do not start with $", "value")
        return self


class Pattern(_Condition):
    """Whether a regular expression matches anywhere, in any case.

    In ``capability``, ``labels``, ``registry_config``, ``tags`` and ``template`` it searches texts of up to
    1,024 characters; use ``contain`` for longer ones.
    """

    operator: Literal["regex"]
    value: Regex


class Patterns(_Condition):
    """Whether any of some regular expressions matches."""

    operator: Literal["regex_in"]
    value: Regexes


class TimeComparison(_Condition):
    """Before or after a time in ISO 8601; without a zone it counts as UTC."""

    operator: Literal["datetime_lt", "datetime_lte", "datetime_gt", "datetime_gte"]
    value: IsoTime


class AgeComparison(_Condition):
    """Before or after a time that is given by its distance from now."""

    operator: Literal["timediff_lt", "timediff_lte", "timediff_gt", "timediff_gte"]
    value: Timediff


Condition = Annotated[
    Equality
    | Comparison
    | Membership
    | Existence
    | Substring
    | Substrings
    | ElementMatch
    | Pattern
    | Patterns
    | TimeComparison
    | AgeComparison,
    Field(discriminator="operator"),
    BeforeValidator(lengthened("key", "value", "operator")),
]

Conditions = Annotated[list[Condition], Field(max_length=MAX_CONDITIONS)]


def _few_words(keyword: str) -> str:
    if len(keyword.split()) > MAX_KEYWORDS:
        raise expected(f"at most {MAX_KEYWORDS} words")
    return keyword


Keyword = Annotated[
    str, StringConstraints(max_length=1024, pattern=r"^[^\x00]*$"), AfterValidator(_few_words)
]
