"""Escapes keys, so that MongoDB can hold and address them.

The free objects of a plugin may have any key (JSON Schemas need ``$ref``), but MongoDB reads ``$`` as an
operator or a DBRef and ``.`` as a path, and cannot address an empty key. So every key is stored escaped:
``~`` as ``~0``, ``$`` as ``~1``, ``.`` as ``~2`` and the empty key as ``~3``. The mapping is one to one;
stored documents and query paths use the same.
"""

from collections.abc import Mapping
from typing import Any

FREE_FORM = ("registry_config", "capability", "template", "tags")
"""The fields of a plugin with keys of the caller's choice: they are stored escaped."""

ESCAPES = (("~", "~0"), ("$", "~1"), (".", "~2"))
"""Character and replacement. They apply in this order, and in the reverse order to unescape."""

EMPTY = "~3"
"""The replacement for an empty key."""


def escape_key(key: str) -> str:
    """Return the stored form of one key (one path part, not a dotted path)."""
    if not key:
        return EMPTY
    for plain, stored in ESCAPES:
        key = key.replace(plain, stored)
    return key


def unescape_key(key: str) -> str:
    """Return the key of a stored form."""
    if "~" not in key:
        return key
    if key == EMPTY:
        return ""
    for plain, stored in reversed(ESCAPES):
        key = key.replace(stored, plain)
    return key


def escape(value: Any) -> Any:
    """Return a JSON value with every key escaped, at any depth."""
    if isinstance(value, Mapping):
        return {escape_key(key): escape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [escape(item) for item in value]
    return value


def unescape(value: Any) -> Any:
    """Return a JSON value with every key unescaped, at any depth."""
    if isinstance(value, Mapping):
        return {unescape_key(key): unescape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescape(item) for item in value]
    return value
