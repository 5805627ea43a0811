"""What an error of MongoDB means: the store is away, or the query is at fault. Any other error is a bug."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pymongo
from pymongo.database import Database
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    InvalidURI,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from contracts._redis.state import Outage
from contracts.errors import InvalidQuery, QueryTimeout, ResultTooLarge, StoreUnavailable
from contracts.query import Query, StatisticsQuery
from contracts.query.faults import invalid_query
from contracts.query.filters import Condition, Pattern, Patterns
from contracts.query.stages import SortStage
from worker.store.client import Document
from worker.store.outage import CALLERS, UNUSABLE, mongodb_outage
from worker.store.query.operators import compile_condition

PING_S = 1.0
"""How long a store may take to answer a ping, in seconds."""

_LOCATE_S = 1.0
_BAD_VALUE = 2  # a sort by two lists at once
_BAD_REGEX = 51091  # a regular expression that PCRE does not take

_AWAY = frozenset(
    {
        6,  # HostUnreachable
        7,  # HostNotFound
        13,  # Unauthorized: an operator's mistake; waiting loses nothing, parking every command would
        18,  # AuthenticationFailed
        43,  # CursorNotFound: the server that had it is no more
        64,  # WriteConcernFailed
        89,  # NetworkTimeout
        91,  # ShutdownInProgress
        94,  # NotYetInitialized
        100,  # UnsatisfiableWriteConcern
        134,  # ReadConcernMajorityNotAvailableYet
        189,  # PrimarySteppedDown
        262,  # ExceededTimeLimit
        8000,  # AtlasError: no login, no right, no room
        9001,  # SocketException
        10058,  # LegacyNotPrimary
        10107,  # NotWritablePrimary
        11600,  # InterruptedAtShutdown
        11602,  # InterruptedDueToReplStateChange
        13435,  # NotPrimaryNoSecondaryOk
        13436,  # NotPrimaryOrSecondary
        14031,  # OutOfDiskSpace
    }
)
_TOO_LARGE = frozenset(
    {
        146,  # ExceededMemoryLimit: a $push or $addToSet of too much
        292,  # QueryExceededMemoryLimitNoDiskUseAllowed
        10334,  # BSONObjectTooLarge
        13548,  # a document that a stage builds outgrew its buffer of 64 MB
        16389,  # a document of a pipeline is too large
        17260,  # BSONObjectTooLarge, of a reply
        17419,  # the result of an update or a stage is too large
        17420,
        4031700,  # $facet's own memory limit
    }
)


def is_mongodb_outage(error: PyMongoError) -> bool:
    """Return whether the store is away: the same command can succeed later, unchanged."""
    if isinstance(error, ConnectionFailure | WTimeoutError | ExecutionTimeout) or error.timeout:
        return True
    if isinstance(error, ConfigurationError):
        # The names of a mongodb+srv:// URL do not resolve, or the driver cannot use the options found there.
        return not isinstance(error, InvalidURI)
    if isinstance(error, BulkWriteError):
        details: dict[str, Any] = dict(error.details)
        errors = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        # Any other error of the same bulk shows again by itself when the store is back.
        return any(each.get("code") in _AWAY for each in errors)
    return isinstance(error, OperationFailure) and (
        error.code in _AWAY or error.has_error_label("RetryableWriteError")
    )


@contextmanager
def outage() -> Iterator[None]:
    """Raise ``StoreUnavailable`` in place of an error of an outage; let any other error pass."""
    try:
        yield
    except PyMongoError as error:
        if is_mongodb_outage(error):
            # Fixed texts: the driver's own may quote the URL.
            is_setting = isinstance(error, ConfigurationError)
            told = UNUSABLE if is_setting else CALLERS[mongodb_outage(error).state]
            raise StoreUnavailable(told) from error
        raise


def store_outage(error: BaseException | None) -> Outage | None:
    """Return what an error says of the store, for log and doctor; None if it is not one of the store."""
    if isinstance(error, PyMongoError) and is_mongodb_outage(error):
        return mongodb_outage(error)
    return None


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Limit the commands inside to ``seconds`` together; raise ``StoreUnavailable`` after that."""
    with pymongo.timeout(seconds), outage():
        yield


@contextmanager
def refusals(
    database: Database[Document],
    time_limit_s: float,
    query: Query | StatisticsQuery | None = None,
    spent_s: float = 0.0,
) -> Iterator[None]:
    """Limit the commands inside to ``time_limit_s`` seconds together, and raise the refusal of ``query`` in
    place of an error that the query caused; let any other error pass.

    ``spent_s``: how much of the time is gone already, in seconds.
    ``query``: names the faulty part in ``details.path``; None names the whole query.

    Raises:
        QueryTimeout: the time limit has passed.
        ResultTooLarge: MongoDB cannot hold the answer, or a step on the way to it.
        InvalidQuery: MongoDB does not accept the query.
    """
    late = QueryTimeout(f"the query took longer than {time_limit_s:g} s")
    left_s = time_limit_s - spent_s
    if left_s <= 0:
        raise late
    try:
        with pymongo.timeout(left_s):
            yield
    except ExecutionTimeout as error:
        raise late from error
    except NetworkTimeout as error:
        # MongoDB checks its time limit only now and then: a store that answers a ping is not away, so the
        # query was too long.
        if _answers(database):
            raise late from error
        raise
    except DocumentTooLarge as error:
        raise invalid_query("query", "a smaller query") from error
    except OperationFailure as error:
        if error.code in _TOO_LARGE:
            raise ResultTooLarge("the answer is larger than MongoDB can hold: narrow or page it") from error
        if error.code in (_BAD_VALUE, _BAD_REGEX):
            expected = "a query that MongoDB accepts"
            path = locate_error(database, query, error.code) if query else "query"
            message = f"{path}: expected {expected}: {_reason(error)}"
            raise InvalidQuery(message, details={"path": path, "expected": expected}) from error
        raise


def locate_error(database: Database[Document], query: Query | StatisticsQuery, code: int) -> str:
    """Return the path of the part of ``query`` that MongoDB refused with ``code``: its errors do not say.

    ``query`` itself where no part is known.
    """
    if code == _BAD_VALUE:
        return f"query.{_sort(query)}"
    with pymongo.timeout(_LOCATE_S):
        for name, conditions in (("filter", query.filter), ("filter_or", query.filter_or)):
            for index, condition in enumerate(conditions):
                if isinstance(condition, Pattern | Patterns) and not _is_accepted(database, condition):
                    return f"query.{name}[{index}].value"
    return "query"


def _sort(query: Query | StatisticsQuery) -> str:
    if isinstance(query, Query):
        return "sort"
    sorts = [i for i, stage in enumerate(query.aggregate) if isinstance(stage, SortStage)]
    return f"aggregate[{sorts[0]}].sort" if len(sorts) == 1 else "aggregate"


def _is_accepted(database: Database[Document], condition: Condition) -> bool:
    alone = {"$match": compile_condition(condition, datetime.now(UTC))}
    try:
        database.aggregate([{"$documents": []}, alone]).close()
    except PyMongoError as error:
        return getattr(error, "code", None) != _BAD_REGEX
    return True


def _answers(database: Database[Document]) -> bool:
    try:
        with pymongo.timeout(PING_S):
            database.command("ping")
    except PyMongoError:
        return False
    return True


def _reason(error: OperationFailure) -> str:
    return str((error.details or {}).get("errmsg", "refused"))[:200]
