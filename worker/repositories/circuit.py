"""Keeps a remote repository that does not answer from holding up every read."""

import threading

FAILURES = 3
"""Failures in a row after which one ask at a time is made."""


class Circuit:
    """After ``failures`` in a row only one ask at a time is let through; the others are told at once.

    So a remote that lets everyone wait takes one thread of a process instead of all, and is back in use with
    the first answer. Threads may share it.
    """

    def __init__(self, failures: int = FAILURES) -> None:
        self._limit = failures
        self._failures = 0
        self._trying = False
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Whether an ask may be made; if so, ``leave`` follows."""
        with self._lock:
            if self._failures < self._limit:
                return True
            if self._trying:
                return False
            self._trying = True
            return True

    def leave(self, answered: bool | None) -> None:
        """An ask has ended: with an answer of any kind, without one, or (None) before it was made."""
        with self._lock:
            if answered is not None:
                self._failures = 0 if answered else self._failures + 1
            self._trying = False
