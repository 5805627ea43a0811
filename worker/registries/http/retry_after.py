"""How long a registry asks to be left alone."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite

LONGEST_S = 21_600.0
"""The longest that a registry is left alone, whatever it asks for."""

# Larger numbers are unix times: some registries send one where seconds belong.
_LONGEST_SPAN_S = 10_000_000


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the registry asks to be left alone: seconds, 0 to 21,600; None if it does not say.

    ``now``: unix time in seconds.

    Read from ``Retry-After`` (seconds, an HTTP date), then ``X-Retry-After`` (unix time, Docker Hub), then,
    when ``X-RateLimit-Remaining`` is 0, ``X-RateLimit-Reset`` (unix time).
    """
    names = ["Retry-After", "X-Retry-After"]
    if headers.get("X-RateLimit-Remaining", "").split(";", 1)[0].strip() == "0":
        names.append("X-RateLimit-Reset")
    for name in names:
        moment = _moment(headers.get(name), now)
        if moment is not None:
            return min(max(0.0, moment - now), LONGEST_S)
    return None


def _moment(text: str | None, now: float) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
            # An asctime date is UTC without saying so.
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if not isfinite(number):
        return None
    return number if number > _LONGEST_SPAN_S else now + number
