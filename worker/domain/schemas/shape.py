"""What a meta-schema asks of a schema.

``jsonschema`` itself goes through a whole meta-schema for each value: at 0.05 to 0.2 ms, the schemas of one
batch would take minutes. Here only what a value has is looked at.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, NamedTuple, Protocol, Self

from pydantic_core import to_json

CheckPattern = Callable[[str], object]
"""Raise ``ValueError`` for a text that is not accepted as a regular expression."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
"""The types of Python that JSON is read as, by the names of JSON Schema."""


class Flaw(NamedTuple):
    """The first fault of a schema: its path, the keyword of the meta-schema, the reason if more is known."""

    path: tuple[int | str, ...]
    keyword: str
    reason: str = ""

    def below(self, part: int | str) -> Self:
        """Return the flaw as seen from where its value is ``part``."""
        return self._replace(path=(part, *self.path))


_as_bytes = Struct("<xd").pack
_INT64: Final = 2.0**63


def _is_unique(items: Sequence[Any]) -> bool:
    return len(set(items if set(map(type, items)) == {str} else map(_identity, items))) == len(items)


def _identity(value: Any) -> str | bytes | bool | tuple[bytes] | None:
    """Return what equal JSON values have alike, and no other value has.

    true and 1 differ, 1 and 1.0 do not (JSON Schema, "Instance Equality"). Numbers become bytes, which take
    the same time to write, whatever they are, and are hashed with a secret: so none can be made to collide.
    """
    kind = type(value)
    if kind is int:
        return b"%d" % value
    if kind is float:
        return b"%d" % value if _is_int64(value) else _as_bytes(value)
    return (to_json(_plain(value)),) if kind is list or kind is dict else value


def _plain(value: Any) -> Any:
    """Return a JSON value in which floats that are integers are those, and keys are in order."""
    kind = type(value)
    if kind is float:
        return int(value) if _is_int64(value) else value
    if kind is dict:
        return {key: _plain(value[key]) for key in sorted(value)}
    return [_plain(item) for item in value] if kind is list else value


def _is_int64(value: float) -> bool:
    """Return whether a float equals an integer that a schema can have: larger ones were refused before."""
    return value.is_integer() and -_INT64 <= value < _INT64


def _has_needed(needs: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return all(
        name in value
        for key, needed in needs.items()
        if key in value
        for name in ([needed] if isinstance(needed, str) else needed)
    )


_ANYTHING: tuple[type, ...] = (object,)
RULES: Mapping[str, tuple[tuple[type, ...], Callable[[Any, Any], bool]]] = {
    "dependencies": (TYPES["object"], _has_needed),
    "enum": (_ANYTHING, lambda allowed, value: value in allowed),
    "exclusiveMinimum": (TYPES["number"], lambda least, value: bool(value > least)),
    "minimum": (TYPES["number"], lambda least, value: bool(value >= least)),
    "minItems": (TYPES["array"], lambda least, value: len(value) >= least),
    "pattern": (TYPES["string"], lambda pattern, value: re.search(pattern, value) is not None),
    "uniqueItems": (TYPES["array"], lambda _, value: _is_unique(value)),
}
"""The keywords that a value meets by itself: the types that they are about, and the test of their argument
and a value.
"""


class Demand(Protocol):
    """What a value must meet."""

    def flaw(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        """Return the first fault of ``value``, or None."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A keyword of ``RULES`` with its argument."""

    keyword: str
    argument: Any

    def flaw(self, value: Any, _: CheckPattern) -> Flaw | None:
        about, is_met = RULES[self.keyword]
        # In Python, true is a number.
        is_about = isinstance(value, about) and not (isinstance(value, bool) and about is TYPES["number"])
        return Flaw((), self.keyword) if is_about and not is_met(self.argument, value) else None


class IsPattern:
    """A text must be a regular expression."""

    def flaw(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        if isinstance(value, str):
            try:
                check_pattern(value)
            except ValueError as error:
                return Flaw((), "format", str(error))
        return None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several demands must be met."""

    demands: Sequence[Demand]

    def flaw(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        flaws = []
        for demand in self.demands:
            found = demand.flaw(value, check_pattern)
            if found is None:
                return None
            flaws.append(found)
        # The deepest one is of the demand that was meant.
        deepest = max(flaws, key=lambda flaw: len(flaw.path))
        return deepest if deepest.path else Flaw((), "anyOf")


@dataclass(slots=True, eq=False)
class Shape:
    """What a part of a meta-schema asks of a value.

    ``types``: the types of Python that it may have; None for any.
    ``whole_floats``: whether 4.0 is an integer.
    ``properties``, ``others``, ``items``: of what is in it; ``names``: of its keys.
    ``demands``: all else.
    """

    types: frozenset[type] | None = None
    whole_floats: bool = False
    properties: dict[str, "Shape"] = field(default_factory=dict)
    others: "Shape | None" = None
    items: "Shape | None" = None
    names: "Shape | None" = None
    demands: list[Demand] = field(default_factory=list)

    def flaw(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        """Return the first fault of ``value``, or None."""
        kind = type(value)
        if self.types is not None and kind not in self.types and not self._is_whole(value):
            return Flaw((), "type")
        for demand in self.demands:
            if found := demand.flaw(value, check_pattern):
                return found
        if kind is dict and value:
            return self._flaw_of_object(value, check_pattern)
        if kind is list and self.items:
            return _first_flaw(self.items, enumerate(value), check_pattern)
        return None

    def _is_whole(self, value: Any) -> bool:
        return self.whole_floats and isinstance(value, float) and value.is_integer()

    def _flaw_of_object(self, value: dict[str, Any], check_pattern: CheckPattern) -> Flaw | None:
        properties, others = self.properties, self.others
        for key, item in value.items():
            if self.names and (found := self.names.flaw(key, check_pattern)):
                return found
            shape = properties.get(key, others)
            if shape and (found := shape.flaw(item, check_pattern)):
                return found.below(key)
        return None


def _first_flaw(shape: Shape, parts: Iterable[tuple[int, Any]], check_pattern: CheckPattern) -> Flaw | None:
    for index, item in parts:
        if found := shape.flaw(item, check_pattern):
            return found.below(index)
    return None
