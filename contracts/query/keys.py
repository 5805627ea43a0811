"""Keys: the names of a plugin's fields, and of values inside them, in a query.

A key is a dotted path: ``tags.description``, ``template.options.schema.type``, ``labels.0``. ``\\.`` is a
literal dot. The first part is a field of ``PluginInfo``, so no other part of a stored document can be named.
"""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from contracts.plugin import PluginInfo
from contracts.query.faults import expected

FIELDS = frozenset(PluginInfo.model_fields)
"""The first parts that a key may have."""

TIMES = frozenset({"created_at", "updated_at"})
"""The fields that are times; any other value of a plugin is a JSON value."""

OBJECTS = frozenset({"capability", "registry_config", "repository_info", "tags", "template"})
"""The fields that are objects; no other field has parts of its own."""

LARGE = frozenset({"capability", "labels", "registry_config", "tags", "template"})
"""The fields that may hold many or long texts; any other field holds little."""

MAX_REGEX_TEXT = 1_024
"""The longest text in a large field that a regular expression searches, in characters."""

MAX_KEY = 512
"""The longest key, in characters."""

MAX_PARTS = 32
"""The largest number of parts in a key: JSON is at most that deep."""


def split_key(key: str) -> tuple[str, ...]:
    """Return the parts of a key. ``\\.`` is a dot; a backslash before any other character is itself."""
    return tuple(part.replace("\0", ".") for part in key.replace("\\.", "\0").split("."))


def root_of(key: str) -> str:
    """Return the field that a key starts with."""
    return split_key(key)[0]


def _few_parts(key: str) -> str:
    if len(split_key(key)) > MAX_PARTS:
        raise expected(f"a key of at most {MAX_PARTS} parts")
    return key


def _of_plugin(key: str) -> str:
    if root_of(key) not in FIELDS:
        raise expected("a key that starts with a field of PluginInfo: " + ", ".join(sorted(FIELDS)))
    return key


def _of_object(key: str) -> str:
    root, *below = split_key(key)
    if below and root not in OBJECTS:
        raise expected(f"{root} alone, as it holds no fields")
    return key


def _no_element(key: str) -> str:
    if any(part.isascii() and part.isdigit() for part in split_key(key)[1:]):
        raise expected("a key without numbers: they address elements of lists, in filters only")
    return key


def _plain_name(name: str) -> str:
    if name.startswith("$") or "." in name or name == "_id":
        raise expected("a name without a dot, not starting with $, other than _id")
    return name


AnyKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_KEY, pattern=r"^[^\x00]*$"),
    AfterValidator(_few_parts),
]
"""A key whose first part is a column of a statistics row, checked where the columns are known."""

Key = Annotated[AnyKey, AfterValidator(_of_plugin)]
"""A key into a plugin, for conditions on it."""

FieldKey = Annotated[Key, AfterValidator(_of_object), AfterValidator(_no_element)]
"""A key to a field of a plugin, or to one inside an object: to answer it, sort by it or list its values."""

ColumnKey = Annotated[AnyKey, AfterValidator(_no_element)]
"""A key to a column of a statistics row, or to a value inside one."""

ColumnName = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$"), AfterValidator(_plain_name)
]
"""The name of a column that a stage makes."""
