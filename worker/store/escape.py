"""Keys as MongoDB can hold and address them.

Free objects of a plugin may have any key (JSON Schemas need ``$ref``), but MongoDB reads ``$`` as an operator
or a DBRef, ``.`` as a path, and cannot address an empty key. So every key is stored escaped: ``~`` as ``~0``,
``$`` as ``~1``, ``.`` as ``~2`` and the empty key as ``~3``. The mapping is one to one; the same is used for
stored documents and for query paths.
"""

from collections.abc import Mapping
from typing import Any

FREE_FORM = ("registry_config", "capability", "template", "tags")
"""The fields of a plugin whose keys are the caller's, and so stored escaped."""

ESCAPES = (("~", "~0"), ("$", "~1"), (".", "~2"))
"""What is in a key, and what is stored for it: put in one after the other, taken out the other way round."""

EMPTY = "~3"
"""What is stored for an empty key."""


def escape_key(key: str) -> str:
    """The stored form of one key (one path part, not a dotted path)."""
    if not key:
        return EMPTY
    for plain, stored in ESCAPES:
        key = key.replace(plain, stored)
    return key


def unescape_key(key: str) -> str:
    """The key as the caller gave it."""
    if "~" not in key:
        return key
    if key == EMPTY:
        return ""
    for plain, stored in reversed(ESCAPES):
        key = key.replace(stored, plain)
    return key


def escape(value: Any) -> Any:
    """A JSON value with every key escaped, at any depth; scalars are kept as they are."""
    if isinstance(value, Mapping):
        return {escape_key(key): escape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [escape(item) for item in value]
    return value


def unescape(value: Any) -> Any:
    """The inverse of ``escape``."""
    if isinstance(value, Mapping):
        return {unescape_key(key): unescape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescape(item) for item in value]
    return value
