"""What an error of the network means: the libraries wrap the one that says it in others."""

import ssl
from collections.abc import Iterator
from http.client import HTTPException, IncompleteRead
from socket import gaierror

from urllib3.exceptions import DecodeError, InvalidHeader
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from worker.domain.image import FailureReason, FetchFailed, NoAnswer
from worker.registries.http.bounds import TooManyPieces
from worker.registries.http.origin import Origin

_ROOTS = "PLUGINS_REGISTRY_CA_FILES names roots of trust"

_CERTIFICATE = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: f"its certificate is self-signed; {_ROOTS}",
    19: f"its certificate comes from an unknown authority; {_ROOTS}",
    20: f"its certificate comes from an unknown authority; {_ROOTS}",
    21: f"its certificate comes from an unknown authority; {_ROOTS}",
    62: "its certificate is for another name",
    64: "its certificate is for another name",
}
"""By OpenSSL's ``X509_V_ERR_`` numbers."""

_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], FailureReason, str], ...] = (
    ((TooManyPieces,), "malformed", "it comes in too many pieces"),
    ((TimeoutError, Urllib3Timeout), "timeout", "it takes too long"),
    ((gaierror,), "unreachable", "its name is not known"),
    ((ConnectionRefusedError,), "unreachable", "the connection is refused"),
    ((IncompleteRead,), "unreachable", "it ends early"),
    ((ConnectionError,), "unreachable", "the connection is closed"),
    ((HTTPException, InvalidHeader, DecodeError), "malformed", "it is not HTTP"),
)
"""What the types of errors mean; the first that fits counts."""

_DEPTH = 10


def failure_of_error(error: Exception, origin: Origin, *, answered: bool) -> FetchFailed:
    """Return the failure that an error of a request to ``origin`` stands for.

    ``answered``: the error came after the head of an answer.
    """
    reason, what = _meaning(error)
    if answered:
        return FetchFailed(reason, detail=f"the answer of {origin.authority} breaks off: {what}")
    return NoAnswer(reason, detail=f"no answer from {origin.authority}: {what}")


def _meaning(error: Exception) -> tuple[FailureReason, str]:
    """Return what the outermost error says that says anything."""
    for inner in _chain(error):
        if isinstance(inner, ssl.SSLError) and not isinstance(inner, TimeoutError):
            return "unreachable", _tls(inner)
        for types, reason, what in _MEANINGS:
            if isinstance(inner, types):
                return reason, what
    return "unreachable", "the network fails"


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(error.verify_code, "its certificate cannot be verified")
    if error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        return "it does not speak TLS"
    return "TLS fails"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it wraps, outermost first."""
    waiting: list[object] = [error]
    for _ in range(_DEPTH):
        if not waiting:
            return
        current = waiting.pop(0)
        if isinstance(current, BaseException):
            yield current
            waiting += [*current.args, getattr(current, "reason", None), current.__cause__]
