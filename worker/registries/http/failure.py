"""What an answer without a list means, by its status alone: the body of an error may be anything."""

from worker.domain.image import FailureReason, FetchFailed
from worker.registries.http.retry_after import is_rate_limit, retry_after
from worker.registries.http.session import Answer


class ErrorStatus(FetchFailed):
    """Raised for an error status that has no reason of its own.

    ``status``: the status.
    """

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__("refused", retry_after, detail=f"the registry answers with status {status}")
        self.status = status


def says_no(failure: FetchFailed) -> bool:
    """Return whether the registry refuses the question itself: a 404, or another 4xx."""
    return failure.reason == "not_found" or (isinstance(failure, ErrorStatus) and failure.status < 500)


def failure_of(answer: Answer, now: float, *, not_found: FailureReason = "not_found") -> FetchFailed:
    """Return the failure that an answer other than a 200 stands for.

    ``now``: unix time in seconds. ``not_found``: the reason that a 404 stands for.
    """
    wait = retry_after(answer.headers, now)
    status = answer.status
    if status in (429, 503) or (status == 403 and is_rate_limit(answer.headers)):
        return FetchFailed("throttled", wait, detail="the registry asks to be left alone")
    if status in (401, 403):
        return FetchFailed("auth", detail="the registry does not let us in")
    if status == 404:
        return FetchFailed(not_found, detail="the registry has no such image")
    if status >= 400:
        return ErrorStatus(status, wait)
    return FetchFailed("malformed", detail=f"an answer of status {status}, which is not a list")
