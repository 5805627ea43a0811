"""How long a caller waits for Redis in all, however often the libraries on the way try again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ends: ContextVar[float | None] = ContextVar("ends", default=None)
_LEAST_S: Final = 0.001


class OutOfTime(Exception):
    """Raised where a wait for Redis has to end.

    It is no error of Redis or of the network, so that no library tries again.
    """


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """End every wait for Redis in the block, in this thread, after so many seconds."""
    ends, outer = time.monotonic() + seconds, _ends.get()
    token = _ends.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _ends.reset(token)


def is_limited() -> bool:
    """Return whether this thread waits only for so long."""
    return _ends.get() is not None


def patience(wait_s: float | None) -> float | None:
    """Return ``wait_s``, or what is left if that is less; None: no limit. Raises: ``OutOfTime``."""
    ends = _ends.get()
    if ends is None:
        return wait_s
    left_s = ends - time.monotonic()
    if left_s < _LEAST_S:
        raise OutOfTime("the time to wait for it is over")
    return left_s if wait_s is None else min(wait_s, left_s)
