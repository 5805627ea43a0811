"""How long a registry asks to be left alone."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite

# Larger numbers are unix times: some registries send one where seconds belong.
_LONGEST_S = 10_000_000


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from ``now`` (unix time), never negative; None if the answer does not say.

    Read from ``Retry-After`` (seconds, an HTTP date), then ``X-Retry-After`` (unix time, Docker Hub), then,
    when ``X-RateLimit-Remaining`` is 0, ``X-RateLimit-Reset`` (unix time).
    """
    for name in ("Retry-After", "X-Retry-After"):
        moment = _moment(headers.get(name), now)
        if moment is not None:
            return max(0.0, moment - now)
    if headers.get("X-RateLimit-Remaining", "").split(";", 1)[0].strip() == "0":
        moment = _moment(headers.get("X-RateLimit-Reset"), now)
        if moment is not None:
            return max(0.0, moment - now)
    return None


def _moment(text: str | None, now: float) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        try:
            return parsedate_to_datetime(text).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if not isfinite(number):
        return None
    return number if number > _LONGEST_S else now + number
