"""Evaluates conditions on fields that have the same value in every row of a repository."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.database import Database

from worker.store.client import Document
from worker.store.errors import outage, refusals
from worker.store.query.operators import compile_condition
from worker.store.query.paths import PLUGIN

_LIMIT_S = 1.0


class ConditionEvaluator:
    """Asks MongoDB whether conditions hold for rows that are not in this store.

    MongoDB itself evaluates them: a second implementation of the query language could differ from it.
    """

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def evaluate(self, conditions: Sequence[Any], known: Mapping[str, Any]) -> list[bool]:
        """Return whether each of ``conditions`` holds for a row with the fields ``known``, with one command.

        Raises:
            InvalidQuery: MongoDB refuses a regular expression.
            StoreUnavailable: the store is away.
        """
        if not conditions:
            return []
        now = datetime.now(UTC)
        facets = {
            f"c{index}": [{"$match": compile_condition(condition, now)}, {"$count": "n"}]
            for index, condition in enumerate(conditions)
        }
        row = {PLUGIN: {"$literal": dict(known)}}
        with outage(), refusals(self._database, _LIMIT_S):
            # A $facet needs a collection below it, or documents of its own.
            (found,) = self._database.aggregate([{"$documents": [row]}, {"$facet": facets}])
        return [bool(found[name]) for name in facets]
