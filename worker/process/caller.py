"""The side of the caller of remote control: `celery -A worker inspect` and `celery -A worker control`."""

from typing import Any

from celery.app.control import Control as CeleryControl


class NobodyAnswers(Exception):
    """Raised when no worker answered a question of remote control."""


class Control(CeleryControl):  # type: ignore[misc]  # celery is untyped
    """Says in words why nobody answers."""

    def broadcast(self, command: str, *args: Any, **kwargs: Any) -> Any:
        """Send a question to the workers, and return the answers if ``reply`` is set.

        Raises: ``NobodyAnswers``.
        """
        replies = super().broadcast(command, *args, **kwargs)
        if kwargs.get("reply") and not replies:
            raise NobodyAnswers(
                "no worker answered. Remote control is off, unless a worker was started with "
                "PLUGINS_REMOTE_CONTROL=1; then it only looks. To end a worker, send it SIGTERM. "
                "plugins doctor shows what runs"
            )
        return replies
