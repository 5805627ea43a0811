"""The rows of the answer to a batch."""

import json
from collections.abc import Sequence

from contracts.commands import BatchItem
from contracts.errors import ResultTooLarge
from contracts.values import MAX_ANSWER_BYTES
from worker.plugins.plan import Done, Outcome


def rows_of(items: Sequence[BatchItem], outcomes: Sequence[Outcome | None]) -> str:
    """Return the answer to a batch, as JSON.

    Each item may answer with a whole plugin of 1 MiB. If the answer has no room for one, the row says that
    the command was applied, and at which revision; ``plugin.get`` has the plugin.
    """
    left = MAX_ANSWER_BYTES
    rows = []
    for item, outcome in zip(items, outcomes, strict=True):
        if isinstance(outcome, Done):
            row = f'{{"id":{json.dumps(item.id)},"result":{outcome.text}}}'
            size = len(row.encode()) + 1
            if outcome.text and size <= left:
                left -= size
                rows.append(row)
                continue
            plugin = outcome.plugin
            outcome = ResultTooLarge(
                f'the command was applied; the answer has no room for plugin "{plugin.plugin_id}": read it',
                details={"max_bytes": MAX_ANSWER_BYTES, "revision": plugin.revision},
            )
        error = outcome.as_dict() if outcome is not None else None
        rows.append(f'{{"id":{json.dumps(item.id)},"error":{json.dumps(error)}}}')
    return f"[{','.join(rows)}]"
