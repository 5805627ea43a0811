"""Keeps a remote repository that does not answer from holding up every read."""

import threading

FAILURES = 3
"""Failures in a row after which one ask at a time is made."""


class Circuit:
    """Permits one ask at a time after ``failures`` in a row, until one is answered. For all threads.

    So a remote that lets everyone wait takes one thread of a process instead of all, and is in use again with
    its first answer.
    """

    def __init__(self, failures: int = FAILURES) -> None:
        self._limit = failures
        self._failures = 0
        self._only: Permit | None = None
        self._lock = threading.Lock()

    def permit(self) -> "Permit | None":
        """Return the permit for an ask that may be made now; None if none may."""
        with self._lock:
            permit = Permit(self)
            if self._failures >= self._limit:
                if self._only:
                    return None
                self._only = permit
            return permit

    def end(self, permit: "Permit", answered: bool | None) -> None:
        """Count the end of an ask, once."""
        with self._lock:
            if permit.ended:
                return
            permit.ended = True
            if answered is not None:
                self._failures = 0 if answered else self._failures + 1
            if self._only is permit:
                self._only = None


class Permit:
    """The permit for one ask. It is given back by its first ``end``."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit
        self.ended = False

    def end(self, answered: bool | None) -> None:
        """Say how the ask ended: with an answer of any kind, without one, or (None) before it was made."""
        self._circuit.end(self, answered)
