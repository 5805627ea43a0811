"""The indexes of every collection, each with the query that needs it: an index costs every write.

A read of ``plugins`` starts from a scope (a domain's own plugins, or the managed ones) and is sorted by name
unless it says otherwise. So each index ends with the default order: rows come out of it in order, and are
merged if there are two scopes.
"""

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from worker.store import image_indexes
from worker.store.errors import outage

_SCOPE = ("scope", ASCENDING)
_NAME = ("plugin.name", ASCENDING)
_PLUGIN_ID = ("plugin.plugin_id", ASCENDING)
_RANK = ("rank", ASCENDING)
_ORDER = [_NAME, _PLUGIN_ID, _RANK]

PLUGINS = [
    # The default order and the shortcut name; state and registry_type too, whose values are few.
    IndexModel([_SCOPE, *_ORDER], name="by_name"),
    # The shortcut plugin_id: one plugin, or some out of many.
    IndexModel([_SCOPE, _PLUGIN_ID, _NAME, _RANK], name="by_plugin_id"),
    # The shortcut service_type.
    IndexModel([_SCOPE, ("plugin.service_type", ASCENDING), *_ORDER], name="by_service_type"),
    # The shortcut provider.
    IndexModel([_SCOPE, ("plugin.provider", ASCENDING), *_ORDER], name="by_provider"),
    # The sweep for unpublished events; few documents have any.
    IndexModel([("pending_at", ASCENDING)], name="by_pending_at", sparse=True),
]

DEAD_LETTERS = [
    # What to drop first, the counts of junk, and the counts by reason, which read no message so.
    IndexModel([("junk", ASCENDING), ("parked_at", ASCENDING), ("reason", ASCENDING)], name="by_junk"),
    # A list, the oldest first.
    IndexModel([("parked_at", ASCENDING)], name="by_parked_at"),
]

INDEXES: Mapping[str, list[IndexModel]] = {
    "plugins": [*PLUGINS, *image_indexes.PLUGINS],
    "images": image_indexes.IMAGES,
    "dead_letters": DEAD_LETTERS,
}
"""The indexes of each collection, except the one on ``_id``."""


def ensure_indexes(database: Database[dict[str, Any]]) -> None:
    """Create the missing indexes.

    Raises: ``StoreUnavailable`` when the store is away.
    """
    for collection, indexes in INDEXES.items():
        with outage():
            database[collection].create_indexes(indexes)
