"""What an answer without a list means, by its status alone: the body of an error may be anything."""

from worker.domain.image import FailureReason, FetchFailed
from worker.registries.http.retry_after import is_rate_limit, retry_after
from worker.registries.http.session import Answer

_SAYS = {
    407: "a proxy in front of {host} demands a login (status {status})",
    451: "{host} may not give it, for legal reasons (status {status})",
}
"""By status, what an error means where its number alone says little."""


class ErrorStatus(FetchFailed):
    """Raised for an error status that has no reason of its own.

    ``status``: the status. ``host``: who answered with it.
    """

    def __init__(self, status: int, host: str, retry_after: float | None) -> None:
        text = _SAYS.get(status, "{host} answers with status {status}")
        super().__init__("refused", retry_after, detail=text.format(host=host, status=status))
        self.status = status


def says_no(failure: FetchFailed) -> bool:
    """Return whether the registry refuses the question itself: a 404, or another 4xx."""
    return failure.reason == "not_found" or (isinstance(failure, ErrorStatus) and failure.status < 500)


def failure_of(answer: Answer, now: float, *, not_found: FailureReason = "not_found") -> FetchFailed:
    """Return the failure that an answer other than a 200 stands for.

    ``now``: unix time in seconds. ``not_found``: the reason that a 404 stands for.
    """
    wait = retry_after(answer.headers, now)
    status, host = answer.status, answer.origin.authority
    if status in (429, 503) or (status == 403 and is_rate_limit(answer.headers)):
        return FetchFailed("throttled", wait, detail=f"{host} asks to be left alone (status {status})")
    if status in (401, 403):
        return FetchFailed("auth", detail=f"{host} does not let us in (status {status})")
    if status == 404:
        return FetchFailed(not_found, detail=f"{host} has nothing of that name (status 404)")
    if status >= 400:
        return ErrorStatus(status, host, wait)
    return FetchFailed(
        "malformed", detail=f"{host} answers with status {status}, which is not a list of tags"
    )
