"""A subscriber that remembers, and events as they are on the stream."""

import json
from typing import Any

from contracts.events import PLUGIN_CHANGED, STREAM
from contracts.subscriber import Event, Gap, Subscriber


class Consumer:
    """A consumer of a group that remembers what its handler has seen, and fails where it is told to."""

    def __init__(self, client: Any, name: str = "a", group: str = "billing", **options: Any) -> None:
        self.seen: list[tuple[str, int]] = []
        self.gaps: list[Gap] = []
        self.fail_at: set[tuple[str, int]] = set()
        given: dict[str, Any] = {"idle_s": 0.0, "on_gap": self.gaps.append} | options
        self.subscriber = Subscriber(client, group, name, self.handle, **given)

    def handle(self, event: Event) -> None:
        if (event.subject, event.revision) in self.fail_at:
            raise ZeroDivisionError
        self.seen.append((event.subject, event.revision))

    def drain(self, polls: int = 20) -> list[tuple[str, int]]:
        """Poll until there is nothing more, and return what the handler has seen by now."""
        quiet = 0
        for _ in range(polls):
            quiet = 0 if self.subscriber.poll() else quiet + 1
            if quiet == 2:
                break
        return self.seen


def publish(client: Any, revision: int, subject: str = "d/a", **other: str) -> Any:
    """Add an event as the service does, and return the id of its entry."""
    fields = {
        "specversion": "1.0",
        "type": PLUGIN_CHANGED,
        "subject": subject,
        "id": f"{subject}@{revision}",
        "sequence": f"{revision:020d}",
        **other,
        "data": json.dumps({"change": "updated", "revision": revision}),
    }
    return client.xadd(STREAM, fields)
