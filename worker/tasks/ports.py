"""The interface of the tasks to the transport; ``worker.tasks.bridge`` implements it."""

from typing import Any, Protocol

from worker.domain.attempt import Attempt


class Bridge(Protocol):
    """Finds the message of a Celery request."""

    def check(self, request: Any) -> None:
        """Refuse a message that could be read only in part, or asks for an unsupported feature.

        Raises: ``InvalidParameter``.
        """

    def attempt(self, request: Any) -> Attempt:
        """Return the attempt that the message is.

        Raises: ``InvalidParameter`` for an unusable ``expires``.
        """

    def raw(self, request: Any) -> tuple[str, bytes]:
        """Return the queue that the message came from, and the message as it was there."""

    def forward(self, request: Any, queue: str) -> bool:
        """Move the message to ``queue`` if it came from another one; return whether it was moved."""

    def headers(self, request: Any) -> dict[str, Any]:
        """Return the headers as sent."""
