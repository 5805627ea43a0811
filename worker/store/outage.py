"""Which of MongoDB's errors mean that the store is away, rather than that something is wrong with the
command.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from contracts.errors import StoreUnavailable

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

_UNUSABLE = "the store cannot be reached: a name in its URL does not resolve, or an option of it is wrong"


def is_outage(fault: PyMongoError) -> bool:
    """Whether waiting and trying again is the answer to ``fault``."""
    if isinstance(fault, ConnectionFailure | WTimeoutError | ExecutionTimeout) or fault.timeout:
        return True
    if isinstance(fault, ConfigurationError):
        # The names of a mongodb+srv:// URL do not resolve, or what they lead to is not what the driver needs.
        return not isinstance(fault, InvalidURI)
    if isinstance(fault, BulkWriteError):
        details: dict[str, Any] = dict(fault.details)
        faults = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
        # What else went wrong beside an outage shows by itself when the store is back.
        return any(f.get("code") in _AWAY for f in faults)
    return isinstance(fault, OperationFailure) and (
        fault.code in _AWAY or fault.has_error_label("RetryableWriteError")
    )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give up on the store after ``seconds``, for everything that is asked of it inside:
    ``StoreUnavailable``.
    """
    with pymongo.timeout(seconds), outage():
        yield


@contextmanager
def outage() -> Iterator[None]:
    """Raise ``StoreUnavailable`` in place of an error that means that the store is away; let any other
    through.
    """
    try:
        yield
    except PyMongoError as fault:
        if is_outage(fault):
            # Fixed texts: the driver's own may quote the URL.
            is_setting = isinstance(fault, ConfigurationError)
            raise StoreUnavailable(_UNUSABLE if is_setting else "the store does not answer") from fault
        raise
