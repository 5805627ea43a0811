"""How long a registry asks to be left alone."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite

LONGEST_S = 21_600.0
"""The longest that a registry is left alone, whatever it asks for."""

# Larger numbers are unix times: some registries send one where seconds belong, some in milliseconds.
_LONGEST_SPAN_S = 10_000_000
_LATEST_UNIX_S = 100_000_000_000

_FAMILIES = ("X-RateLimit-", "RateLimit-", "X-Rate-Limit-")

# A header that is sent twice arrives as one, with a comma between. Dates have a comma of their own.
_ONE = re.compile(r"\s*((?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,)?[^,]+)", re.IGNORECASE)
_MAX_HEADER = 1_024

# ``RateLimit``: `limit=10, remaining=0, reset=7` of older drafts, `"name";r=0;t=7` of newer ones.
_POLICY = re.compile(r"\b(remaining|reset|r|t)\s*=\s*([0-9]{1,15})", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return how long the registry asks to be left alone: seconds, 0 to 21,600; None if it does not say.

    Of several times the last one counts.

    ``now``: unix time in seconds.

    Read from ``Retry-After`` (seconds, an HTTP date), then ``X-Retry-After`` (unix time, Docker Hub), then
    the headers of rate limits, unless they say that there is something left: ``X-RateLimit-Reset``,
    ``RateLimit-Reset`` (unix time or seconds) and ``RateLimit`` (seconds).
    """
    for name in ("Retry-After", "X-Retry-After"):
        if (wait := _longest(_listed(headers.get(name, "")), now)) is not None:
            return wait
    resets = [
        headers.get(f"{family}Reset", "") for family in _FAMILIES if _left(headers, family) in ("0", None)
    ]
    resets += [reset for left, reset in _policies(headers) if left == 0]
    return _longest((text for reset in resets for text in _listed(reset)), now)


def is_rate_limit(headers: Mapping[str, str]) -> bool:
    """Return whether a refusal is one of a rate limit: GitHub's are 403s too."""
    if headers.get("Retry-After") or headers.get("X-Retry-After"):
        return True
    return any(_left(headers, family) == "0" for family in _FAMILIES) or any(
        left == 0 for left, _ in _policies(headers)
    )


def _left(headers: Mapping[str, str], family: str) -> str | None:
    """Return what is left, without the window behind it (``0;w=21600``); None: it does not say."""
    text = headers.get(f"{family}Remaining")
    return None if text is None else re.split("[;,]", text, maxsplit=1)[0].strip()


def _policies(headers: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return what is left and the seconds until there is more, of each policy in ``RateLimit``."""
    found = []
    policy: dict[str, str] = {}
    for name, value in _POLICY.findall(headers.get("RateLimit", "")[:_MAX_HEADER]):
        policy["left" if name.lower() in ("r", "remaining") else "reset"] = value
        if len(policy) == 2:
            found.append((int(policy["left"]), policy["reset"]))
            policy = {}
    if "left" in policy:
        found.append((int(policy["left"]), ""))
    return found


def _listed(text: str) -> list[str]:
    return [one.strip().strip('"') for one in _ONE.findall(text[:_MAX_HEADER])]


def _longest(texts: Iterable[str], now: float) -> float | None:
    moments = [moment for text in texts if (moment := _moment(text, now)) is not None]
    return min(max(0.0, max(moments) - now), LONGEST_S) if moments else None


def _moment(text: str, now: float) -> float | None:
    try:
        number = float(text.removesuffix("s"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
            # An asctime date is UTC without saying so.
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError, OSError):
            return None
    if not isfinite(number):
        return None
    if number > _LATEST_UNIX_S:
        return number / 1_000
    return number if number > _LONGEST_SPAN_S else now + number
