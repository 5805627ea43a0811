"""The drafts of JSON Schema, read from the meta-schemas that ``jsonschema`` has."""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jsonschema import Draft7Validator
from jsonschema.validators import validator_for
from jsonschema_specifications import REGISTRY

from worker.domain.schemas.shape import RULES, TYPES, AnyOf, IsPattern, Rule, Shape

MAX_URI = 1_024
"""The longest ``$schema`` that is looked up, in characters: what was looked up stays in memory."""

_ANNOTATIONS: Final = frozenset(
    {
        "$anchor",
        "$comment",
        "$defs",
        "$dynamicAnchor",
        "$id",
        "$recursiveAnchor",
        "$schema",
        "$vocabulary",
        "default",
        "definitions",
        "deprecated",
        "description",
        "id",
        "title",
    }
)
_READ: Final = frozenset(
    {
        "$dynamicRef",
        "$recursiveRef",
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "format",
        "items",
        "properties",
        "propertyNames",
        "type",
    }
)
KEYWORDS: Final = _ANNOTATIONS | _READ | RULES.keys()
"""The keywords of meta-schemas that are known here."""


def draft_of(schema: Any) -> Shape:
    """Return what a schema must be: by draft 7, unless its ``$schema`` names another known draft.

    Raises: ``ValueError`` for a ``$schema`` that is no URI.
    """
    named = schema.get("$schema", "") if isinstance(schema, dict) else ""
    return shape_of(validator_for({"$schema": named[:MAX_URI]}, default=Draft7Validator))


@cache
def shape_of(draft: Any) -> Shape:
    """Return what a schema of a draft must be. ``draft``: its class in ``jsonschema``."""
    return _Reader(draft).shape


class _Reader:
    """Reads a meta-schema."""

    def __init__(self, draft: Any) -> None:
        # In drafts 3 and 4, 4.0 is not an integer.
        self._whole_floats = draft.TYPE_CHECKER.is_type(1.0, "integer")
        self._shapes: dict[int, Shape] = {}
        self._uri = draft.ID_OF(draft.META_SCHEMA)
        root = REGISTRY.resolver().lookup(self._uri)
        self.shape = self._read(root.contents, root.resolver)

    def _read(self, schema: Any, resolver: Any) -> Shape:
        found = self._shapes.get(id(schema))
        if found is None:
            # Before it is filled: it may lead to itself.
            found = self._shapes[id(schema)] = Shape()
            if isinstance(schema, dict):
                self._fill(found, schema, resolver)
        return found

    def _fill(self, shape: Shape, schema: Mapping[str, Any], resolver: Any) -> None:
        self._fill_type(shape, schema.get("type", "any"), resolver)
        if schema.get("format") == "regex":
            shape.demands.append(IsPattern())
        shape.demands += _rules(schema)
        for name, part in schema.get("properties", {}).items():
            shape.properties[name] = self._read(part, resolver)
        shape.others = self._part(schema, "additionalProperties", resolver)
        shape.items = self._part(schema, "items", resolver)
        shape.names = self._part(schema, "propertyNames", resolver)
        if "anyOf" in schema:
            shape.demands.append(AnyOf([self._read(part, resolver) for part in schema["anyOf"]]))
        if "$ref" in schema:
            shape.demands.append(self._reference(schema["$ref"], resolver))
        if "$dynamicRef" in schema or "$recursiveRef" in schema:
            shape.demands.append(self._reference(self._uri, resolver))
        for part in schema.get("allOf", ()):
            self._fill_all(shape, schema, part, resolver)

    def _fill_all(
        self, shape: Shape, schema: Mapping[str, Any], part: Mapping[str, Any], resolver: Any
    ) -> None:
        if part.keys() == {"$ref"}:
            found = resolver.lookup(part["$ref"])
            asked = found.contents.keys() - _ANNOTATIONS
            if asked == {"properties", "type"} and found.contents["type"] == schema.get("type"):
                # A vocabulary: its keywords become the schema's own, so that no object is gone through twice.
                for name, inner in found.contents["properties"].items():
                    shape.properties[name] = self._read(inner, found.resolver)
                return
        shape.demands.append(self._read(part, resolver))

    def _fill_type(self, shape: Shape, named: Any, resolver: Any) -> None:
        names = named if isinstance(named, list) else [named]
        # In draft 3, a type may also be a schema.
        if any(isinstance(name, dict) for name in names):
            shape.demands.append(AnyOf([self._of_type(name, resolver) for name in names]))
        elif "any" not in names:
            shape.types = frozenset(kind for name in names for kind in TYPES[name])
            shape.whole_floats = "integer" in names and self._whole_floats

    def _of_type(self, name: Any, resolver: Any) -> Shape:
        return self._read(name, resolver) if isinstance(name, dict) else Shape(types=frozenset(TYPES[name]))

    def _part(self, schema: Mapping[str, Any], keyword: str, resolver: Any) -> Shape | None:
        part = schema.get(keyword)
        return self._read(part, resolver) if isinstance(part, dict) and part else None

    def _reference(self, uri: str, resolver: Any) -> Shape:
        found = resolver.lookup(uri)
        return self._read(found.contents, found.resolver)


def _rules(schema: Mapping[str, Any]) -> list[Rule]:
    if schema.get("exclusiveMinimum") is True:
        # As drafts 3 and 4 write it.
        return [Rule("exclusiveMinimum", schema["minimum"])]
    return [Rule(keyword, schema[keyword]) for keyword in RULES if keyword in schema]
