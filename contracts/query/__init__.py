"""The query and statistics language of list and stat.

``Query`` and ``StatisticsQuery`` are its models; ``parse_query`` and ``parse_statistics`` make them of
untrusted data.
"""

from typing import Any, TypeVar

from pydantic import ValidationError

from contracts.errors import InvalidQuery
from contracts.query.faults import invalid_query, refusal
from contracts.query.listing import MINIMAL, Query
from contracts.query.paging import Page, SortKey
from contracts.query.statistics import StatisticsQuery
from contracts.storable import Unstorable, check_json

__all__ = [
    "MINIMAL",
    "InvalidQuery",
    "Page",
    "Query",
    "SortKey",
    "StatisticsQuery",
    "parse_query",
    "parse_statistics",
]

Q = TypeVar("Q", Query, StatisticsQuery)


def parse_query(data: Any, path: str = "query") -> Query:
    """Return the query in ``data``.

    ``path``: where ``data`` is in the message.

    Raises: ``InvalidQuery``.
    """
    return _parse(Query, data, path)


def parse_statistics(data: Any, path: str = "query") -> StatisticsQuery:
    """Return the statistics query in ``data``.

    ``path``: where ``data`` is in the message.

    Raises: ``InvalidQuery``.
    """
    return _parse(StatisticsQuery, data, path)


def _parse(model: type[Q], data: Any, path: str) -> Q:
    if isinstance(data, model):
        return data
    if not isinstance(data, dict):
        raise invalid_query(path, "an object")
    try:
        check_json(data, path, depth=2)
        return model.model_validate(data)
    except Unstorable as error:
        raise invalid_query(error.path, f"a value that JSON and the store can hold: {error.reason}") from None
    except ValidationError as error:
        raise refusal(error, path) from None
