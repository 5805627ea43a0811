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
        self._trial: Attempt | None = None
        self._lock = threading.Lock()

    def enter(self) -> "Attempt | None":
        """The attempt that may be made now, which ``end`` follows; None if none may."""
        with self._lock:
            attempt = Attempt(self)
            if self._failures >= self._limit:
                if self._trial:
                    return None
                self._trial = attempt
            return attempt

    def end(self, attempt: "Attempt", answered: bool | None) -> None:
        """Count the end of an attempt, once."""
        with self._lock:
            if attempt.ended:
                return
            attempt.ended = True
            if answered is not None:
                self._failures = 0 if answered else self._failures + 1
            if self._trial is attempt:
                self._trial = None


class Attempt:
    """One ask that was let through."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self.ended = False

    def end(self, answered: bool | None) -> None:
        """It has ended: with an answer of any kind, without one, or (None) before it was made. Only the first
        end counts.
        """
        self._circuit.end(self, answered)
