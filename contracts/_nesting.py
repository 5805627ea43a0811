"""How deep JSON nests."""

from typing import Any


def deeper_than(value: Any, limit: int) -> bool:
    """Return whether ``value``, itself level 1, nests deeper than ``limit``. Does not recurse."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            # The types that JSON is read as: this runs for every header of every message.
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True
