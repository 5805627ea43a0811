"""Which of MongoDB's errors the query is to blame for, and the refusal that says so."""

from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
from pymongo.database import Database
from pymongo.errors import DocumentTooLarge, ExecutionTimeout, NetworkTimeout, OperationFailure, PyMongoError

from contracts.errors import InvalidQuery, QueryTimeout, ResultTooLarge
from contracts.query import Query, StatisticsQuery
from contracts.query.faults import invalid_query
from contracts.values import MAX_ANSWER_BYTES
from worker.store.blame import BAD_REGEX, BAD_VALUE, faulty_part
from worker.store.client import Document

PATIENCE_S = 1.0
"""How long a store may take to answer a ping, in seconds."""

_NO_ROOM = frozenset(
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
_REFUSED = frozenset({BAD_VALUE, BAD_REGEX})


def too_many_rows(max_results: int) -> ResultTooLarge:
    """The refusal of an answer of more rows than one may have."""
    return ResultTooLarge(
        f"the answer has more than {max_results} rows: page it", details={"max_results": max_results}
    )


def too_many_bytes() -> ResultTooLarge:
    """The refusal of an answer of more bytes than one may have."""
    return ResultTooLarge(
        f"the answer is larger than {MAX_ANSWER_BYTES // 2**20} MiB: ask for fewer rows or fields",
        details={"max_bytes": MAX_ANSWER_BYTES},
    )


@contextmanager
def refusals(
    database: Database[Document], time_limit_s: float, query: Query | StatisticsQuery | None = None
) -> Iterator[None]:
    """Give MongoDB ``time_limit_s`` seconds for all that is asked of it inside, and raise ``QueryTimeout``,
    ``ResultTooLarge`` or ``InvalidQuery``, with the part of ``query``, in place of its error. Any other error
    passes.
    """
    late = QueryTimeout(f"the query took longer than {time_limit_s:g} s")
    try:
        with pymongo.timeout(time_limit_s):
            yield
    except ExecutionTimeout as fault:
        raise late from fault
    except NetworkTimeout as fault:
        # MongoDB looks at its time limit now and then only: what tells a long query from a store that is away
        # is whether anything else is answered.
        if _answers(database):
            raise late from fault
        raise
    except DocumentTooLarge as fault:
        raise invalid_query("query", "a smaller query") from fault
    except OperationFailure as fault:
        if fault.code in _NO_ROOM:
            raise ResultTooLarge("the answer is larger than MongoDB can hold: narrow or page it") from fault
        if fault.code in _REFUSED:
            expected = "a query that MongoDB accepts"
            path = faulty_part(database, query, fault.code) if query else "query"
            message = f"{path}: expected {expected}: {_reason(fault)}"
            raise InvalidQuery(message, details={"path": path, "expected": expected}) from fault
        raise


def _answers(database: Database[Document]) -> bool:
    try:
        with pymongo.timeout(PATIENCE_S):
            database.command("ping")
    except PyMongoError:
        return False
    return True


def _reason(fault: OperationFailure) -> str:
    return str((fault.details or {}).get("errmsg", "refused"))[:200]
