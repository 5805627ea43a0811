"""What a meta-schema asks of a schema.

``jsonschema`` itself goes through a whole meta-schema for each value: at 0.05 to 0.2 ms, the schemas of one
batch would take minutes. Here only what a value has is looked at.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

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


def _is_unique(items: Sequence[Any]) -> bool:
    if all(type(item) is str for item in items):
        return len(set(items)) == len(items)
    # true and 1 differ, 1 and 1.0 do not (JSON Schema, "Instance Equality").
    return len({json.dumps(_plain(item), sort_keys=True) for item in items}) == len(items)


def _plain(value: Any) -> Any:
    """Return a JSON value in which floats without a fraction are integers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _has_needed(needs: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return all(
        name in value
        for key, needed in needs.items()
        if key in value
        for name in ([needed] if isinstance(needed, str) else needed)
    )


RULES: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "dependencies": ("object", _has_needed),
    "exclusiveMinimum": ("number", lambda least, value: bool(value > least)),
    "minimum": ("number", lambda least, value: bool(value >= least)),
    "minItems": ("array", lambda least, value: len(value) >= least),
    "pattern": ("string", lambda pattern, value: re.search(pattern, value) is not None),
    "uniqueItems": ("array", lambda _, value: _is_unique(value)),
}
"""The keywords that a value must meet by itself: the type of value that they are about, and the test."""


@dataclass(slots=True, eq=False)
class Shape:
    """What a part of a meta-schema asks of a value.

    ``types``: the types of Python that it may have; None for any.
    ``whole_floats``: whether 4.0 is an integer.
    ``properties``, ``others``, ``items``: of what is in it; ``names``: of its keys.
    ``rules``: keywords of ``RULES`` with their argument. ``is_pattern``: whether it is a pattern.
    ``all_of``: more that it must meet. ``any_of``: of these, one.
    """

    types: frozenset[type] | None = None
    whole_floats: bool = False
    allowed: Sequence[Any] | None = None
    properties: dict[str, "Shape"] = field(default_factory=dict)
    others: "Shape | None" = None
    items: "Shape | None" = None
    names: "Shape | None" = None
    rules: list[tuple[str, Any]] = field(default_factory=list)
    is_pattern: bool = False
    all_of: list["Shape"] = field(default_factory=list)
    any_of: list["Shape"] = field(default_factory=list)

    def flaw(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        """Return the first fault of ``value``, or None."""
        if found := self._own_flaw(value, check_pattern):
            return found
        for shape in self.all_of:
            if found := shape.flaw(value, check_pattern):
                return found
        if type(value) is dict:
            found = self._flaw_of_object(value, check_pattern)
        elif type(value) is list and self.items:
            found = _first_flaw(self.items, enumerate(value), check_pattern)
        return found or (self._flaw_of_all(value, check_pattern) if self.any_of else None)

    def _own_flaw(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        kind = type(value)
        is_whole = self.whole_floats and kind is float and value.is_integer()
        if self.types is not None and kind not in self.types and not is_whole:
            return Flaw((), "type")
        if self.allowed is not None and value not in self.allowed:
            return Flaw((), "enum")
        for keyword, argument in self.rules:
            about, is_met = RULES[keyword]
            if kind in TYPES[about] and not is_met(argument, value):
                return Flaw((), keyword)
        if self.is_pattern and kind is str:
            try:
                check_pattern(value)
            except ValueError as error:
                return Flaw((), "format", str(error))
        return None

    def _flaw_of_object(self, value: dict[str, Any], check_pattern: CheckPattern) -> Flaw | None:
        properties, others = self.properties, self.others
        if not properties and not others:
            return None
        for key, item in value.items():
            if self.names and (found := self.names.flaw(key, check_pattern)):
                return found
            shape = properties.get(key, others)
            if shape and (found := shape.flaw(item, check_pattern)):
                return found.below(key)
        return None

    def _flaw_of_all(self, value: Any, check_pattern: CheckPattern) -> Flaw | None:
        """Return the deepest flaw that keeps a value from being any of several shapes."""
        flaws = []
        for shape in self.any_of:
            found = shape.flaw(value, check_pattern)
            if found is None:
                return None
            flaws.append(found)
        deepest = max(flaws, key=lambda flaw: len(flaw.path))
        return deepest if deepest.path else Flaw((), "anyOf")


def _first_flaw(shape: Shape, parts: Iterable[tuple[int, Any]], check_pattern: CheckPattern) -> Flaw | None:
    for index, item in parts:
        if found := shape.flaw(item, check_pattern):
            return found.below(index)
    return None
