"""Which part of a query MongoDB did not take: its errors do not say."""

from datetime import UTC, datetime

import pymongo
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from contracts.query import Query, StatisticsQuery
from contracts.query.filters import Condition, Pattern, Patterns
from contracts.query.stages import SortStage
from worker.store.client import Document
from worker.store.query.operators import compile_condition

BAD_VALUE = 2
"""The code for sorting by two lists at once."""

BAD_REGEX = 51091
"""The code for a regular expression that PCRE does not take."""

_LIMIT_S = 1.0


def faulty_part(database: Database[Document], query: Query | StatisticsQuery, code: int | None) -> str:
    """The path of the part of ``query`` that is to blame for an error of that code; ``query`` if none is
    known.
    """
    if code == BAD_VALUE:
        return f"query.{_sort(query)}"
    if code == BAD_REGEX:
        with pymongo.timeout(_LIMIT_S):
            for name, conditions in (("filter", query.filter), ("filter_or", query.filter_or)):
                for index, condition in enumerate(conditions):
                    if isinstance(condition, Pattern | Patterns) and not _is_taken(database, condition):
                        return f"query.{name}[{index}].value"
    return "query"


def _sort(query: Query | StatisticsQuery) -> str:
    if isinstance(query, Query):
        return "sort"
    sorts = [i for i, stage in enumerate(query.aggregate) if isinstance(stage, SortStage)]
    return f"aggregate[{sorts[0]}].sort" if len(sorts) == 1 else "aggregate"


def _is_taken(database: Database[Document], condition: Condition) -> bool:
    condition_only = {"$match": compile_condition(condition, datetime.now(UTC))}
    try:
        database.aggregate([{"$documents": []}, condition_only]).close()
    except OperationFailure as fault:
        return fault.code != BAD_REGEX
    except PyMongoError:
        return True
    return True
