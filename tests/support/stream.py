"""The event stream, read for assertions."""

import json
from itertools import groupby
from typing import Any


class Stream:
    """What is on ``plugin.events``."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def entries(self) -> list[dict[str, str]]:
        return [fields for _, fields in self.client.xrange("plugin.events")]

    def changes(self) -> list[tuple[int, str]]:
        """``(revision, change)`` of every PluginChanged, in the order of the stream."""
        found = [(int(e["sequence"]), json.loads(e["data"]).get("change")) for e in self.entries()]
        return [(revision, change) for revision, change in found if change]

    def assert_gapless(self) -> None:
        """Every subject's revisions are on the stream from 1, each once, in order; only ``gap`` may jump."""
        subjects = sorted(self.entries(), key=lambda e: (e["type"], e["subject"]))
        for (_, subject), events in groupby(subjects, key=lambda e: (e["type"], e["subject"])):
            last = 0
            for event in events:
                revision = int(event["sequence"])
                assert event["id"] == f"{subject}@{revision}"
                jumps = event.get("gap") == "true" and revision > last
                assert revision == last + 1 or jumps, f"{subject}: {revision} follows {last}"
                last = revision
