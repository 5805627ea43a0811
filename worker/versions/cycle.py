"""The cycle of versions: what a tick does, and what a refresh task does."""

from dataclasses import dataclass

from worker.versions.discover import Discovery
from worker.versions.dispatch import Dispatch
from worker.versions.refresh import Refresh


@dataclass(frozen=True, slots=True)
class Cycle:
    """Sends what is due, reads it, and sends what is due by then."""

    dispatch: Dispatch
    refresh: Refresh
    discovery: Discovery

    def tick(self) -> None:
        """Send what is due to be refreshed, and look for images that are not followed yet."""
        self.dispatch.all_groups()
        self.discovery.step()

    def refresh_group(self, host: str, images: list[str], lease: str) -> None:
        """Refresh claimed images of the budget group ``host``, then send what is due of it by now.

        ``images``: their keys.
        ``lease``: the token of their claims and of the group's slot.
        """
        if self.refresh.run(host, images, lease).again:
            self.dispatch.group(host)
