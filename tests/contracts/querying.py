"""Short forms of queries."""

from typing import Any


def condition(**fields: Any) -> dict[str, Any]:
    """A query with one condition."""
    return {"filter": [fields]}


def group(**fields: Any) -> dict[str, Any]:
    """Statistics with one group."""
    return {"aggregate": [{"group": fields}]}
