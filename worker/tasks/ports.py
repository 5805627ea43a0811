"""What the tasks need of the transport, filled by the app."""

from typing import Any, Protocol

from worker.domain.attempt import Attempt


class Bridge(Protocol):
    """From a Celery request to the message behind it."""

    def check(self, request: Any) -> None:
        """Refuse what could be read only in part, or asks for what is not supported: ``InvalidParameter``."""

    def attempt(self, request: Any) -> Attempt:
        """What a decision has to know of the message. Raises ``InvalidParameter`` for an unusable
        ``expires``.
        """

    def raw(self, request: Any) -> tuple[str, bytes]:
        """The queue that the message came from, and the message as it was there."""

    def forward(self, request: Any, queue: str) -> bool:
        """Move the message to ``queue`` if it came from another one; whether it was moved."""

    def headers(self, request: Any) -> dict[str, Any]:
        """The headers as sent."""
