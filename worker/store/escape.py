"""Escapes keys, so that MongoDB can hold and address them.

The free objects of a plugin may have any key (JSON Schemas need ``$ref``), but MongoDB reads ``$`` as an
operator or a DBRef and ``.`` as a path, and cannot address an empty key. So every key is stored escaped:
``~`` as ``~0``, ``$`` as ``~1``, ``.`` as ``~2`` and the empty key as ``~3``. The mapping is one to one;
stored documents and query paths use the same.
"""

from collections.abc import Callable, Iterable
from typing import Any

FREE_FORM = ("registry_config", "capability", "template", "tags")
"""The fields of a plugin with keys of the caller's choice: they are stored escaped."""

ESCAPES = (("~", "~0"), ("$", "~1"), (".", "~2"))
"""Character and replacement. They apply in this order, and in the reverse order to unescape."""

EMPTY = "~3"
"""The replacement for an empty key."""

_SCALARS = frozenset({str, int, float, bool, type(None)})
_LISTS = (list, tuple)


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
    """Return a JSON value with every key escaped, at any depth; the value itself if no key needs it."""
    return _with_keys(value, escape_key) if _has_marks(value, in_plain=True) else value


def unescape(value: Any) -> Any:
    """Return a JSON value with every key unescaped, at any depth; the value itself if no key needs it."""
    return _with_keys(value, unescape_key) if _has_marks(value, in_plain=False) else value


def _has_marks(value: Any, in_plain: bool) -> bool:
    """Return whether any key, at any depth, differs from its stored form.

    ``in_plain``: the keys are those of the caller; False: those of the store.
    """
    if isinstance(value, dict):
        keys = "".join(value)
        if "~" in keys or (in_plain and ("$" in keys or "." in keys or "" in value)):
            return True
        parts: Iterable[Any] = value.values()
    elif isinstance(value, _LISTS):
        parts = value
    else:
        return False
    # Most parts are scalars: the quickest test comes first.
    for part in parts:  # noqa: SIM110  # a generator would double the cost
        if part and type(part) not in _SCALARS and _has_marks(part, in_plain):
            return True
    return False


def _with_keys(value: Any, convert: Callable[[str], str]) -> Any:
    # Here too, most parts are scalars.
    if isinstance(value, dict):
        return {
            convert(key): item if type(item) in _SCALARS else _with_keys(item, convert)
            for key, item in value.items()
        }
    if isinstance(value, _LISTS) and not _SCALARS.issuperset(map(type, value)):
        return [_with_keys(item, convert) for item in value]
    return value
