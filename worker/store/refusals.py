"""Which of MongoDB's errors the query is to blame for, and the refusal that says so."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import DocumentTooLarge, ExecutionTimeout, OperationFailure

from contracts.errors import InvalidQuery, QueryTimeout, ResultTooLarge
from contracts.query.faults import invalid_query
from contracts.values import MAX_ANSWER_BYTES

_NO_ROOM = frozenset(
    {
        146,  # ExceededMemoryLimit: a $push or $addToSet of too much
        292,  # QueryExceededMemoryLimitNoDiskUseAllowed
        10334,  # BSONObjectTooLarge
        16389,  # a document of a pipeline is too large
        17260,  # BSONObjectTooLarge, of a reply
        17419,  # the result of an update or a stage is too large
        17420,
        4031700,  # $facet's own memory limit
    }
)
_REFUSED = frozenset(
    {
        2,  # BadValue: sorting by two lists at once
        51091,  # a regular expression that PCRE does not take
    }
)


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
def refusals(time_limit_s: float) -> Iterator[None]:
    """Raise ``QueryTimeout``, ``ResultTooLarge`` or ``InvalidQuery`` in place of MongoDB's error.

    ``time_limit_s`` is what MongoDB was given, in seconds. Any other error passes.
    """
    try:
        yield
    except ExecutionTimeout as fault:
        raise QueryTimeout(f"the query took longer than {time_limit_s:g} s") from fault
    except DocumentTooLarge as fault:
        raise invalid_query("query", "a smaller query") from fault
    except OperationFailure as fault:
        if fault.code in _NO_ROOM:
            raise ResultTooLarge("the answer is larger than MongoDB can hold: narrow or page it") from fault
        if fault.code in _REFUSED:
            expected = "a query that MongoDB accepts"
            message = f"query: expected {expected}: {_reason(fault)}"
            raise InvalidQuery(message, details={"path": "query", "expected": expected}) from fault
        raise


def _reason(fault: OperationFailure) -> str:
    return str((fault.details or {}).get("errmsg", "refused"))[:200]
