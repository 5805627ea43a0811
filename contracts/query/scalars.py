"""The values to compare with: scalars, words, regular expressions, times."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from contracts.pattern import BadPattern, parse_pattern
from contracts.query.faults import expected
from contracts.storable import INT64, bad_text

MAX_IN = 10_000
"""The largest number of items in a list value."""

MAX_WORD = 1024
"""The longest word to search, in characters."""

MAX_WORDS = 1000
"""The largest number of words in a list."""

MAX_REGEX = 256
"""The longest regular expression, in characters."""

MAX_REGEXES = 20
"""The largest number of regular expressions in one list."""

_TIMEDIFF = re.compile(
    r"now(?:/(?P<unit>[dwm]))?(?: *(?P<sign>[+-]) *(?P<count>[0-9]{1,10})(?P<step>[smhdw]))?"
)
_STEPS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FURTHEST_S = 100 * 366 * 86_400
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
"""The last time that can be stored."""


def parse_time(text: str) -> datetime | None:
    """Return an ISO 8601 date or time as UTC, or None for any other text. Without a zone it counts as UTC."""
    try:
        time = datetime.fromisoformat(text)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time <= _LAST else None


def resolve_timediff(text: str, now: datetime) -> datetime:
    """Return the time that ``now/d - 3d`` and the like mean at ``now``.

    Raises: ``ValueError`` for any other text.
    """
    found = _TIMEDIFF.fullmatch(text)
    if found is None:
        raise ValueError("no time difference")
    time = now.astimezone(UTC)
    if found["unit"]:
        time = time.replace(hour=0, minute=0, second=0, microsecond=0)
    if found["unit"] == "w":
        time -= timedelta(days=time.weekday())
    if found["unit"] == "m":
        time = time.replace(day=1)
    if found["sign"]:
        distance = int(found["count"]) * _STEPS[found["step"]]
        if distance > _FURTHEST_S:
            raise ValueError("too far away")
        time += timedelta(seconds=distance if found["sign"] == "+" else -distance)
    return time


def _text(value: str) -> str:
    if bad_text(value):
        raise expected("text without NUL and lone surrogates")
    return value


def _scalar(value: Any) -> Any:
    match value:
        case bool():
            return value
        case str():
            return _text(value)
        case int() if value in INT64:
            return value
        case float() if math.isfinite(value):
            return value
    raise expected("a string, a number of at most 64 bits or a boolean")


def _scalar_or_null(value: Any) -> Any:
    return value if value is None else _scalar(value)


def _regex(value: str) -> str:
    try:
        parse_pattern(value)
    except BadPattern:
        raise expected("a valid regular expression") from None
    return value


def _iso(value: str) -> str:
    if parse_time(value) is None:
        raise expected("an ISO 8601 time")
    return value


def _timediff(value: str) -> str:
    try:
        resolve_timediff(value, datetime(2000, 1, 1, tzinfo=UTC))
    except ValueError:
        raise expected(
            "now, now/d, now/w or now/m, then optionally + or -, a number and one of s m h d w"
        ) from None
    return value


_SCALARS = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
Scalar = Annotated[str | int | float | bool, PlainValidator(_scalar), WithJsonSchema({"anyOf": _SCALARS})]
ScalarOrNull = Annotated[
    str | int | float | bool | None,
    PlainValidator(_scalar_or_null),
    WithJsonSchema({"anyOf": [*_SCALARS, {"type": "null"}]}),
]
Scalars = Annotated[list[ScalarOrNull], Field(max_length=MAX_IN)]
Word = Annotated[str, StringConstraints(max_length=MAX_WORD), AfterValidator(_text)]
Words = Annotated[list[Word], Field(max_length=MAX_WORDS)]
Regex = Annotated[str, StringConstraints(max_length=MAX_REGEX), AfterValidator(_text), AfterValidator(_regex)]
Regexes = Annotated[list[Regex], Field(max_length=MAX_REGEXES)]
IsoTime = Annotated[str, StringConstraints(max_length=64), AfterValidator(_iso)]
Timediff = Annotated[str, StringConstraints(max_length=64), AfterValidator(_timediff)]
