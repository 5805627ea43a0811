"""The indexes that images need, each with what needs it; every one costs every write of its collection."""

from pymongo import ASCENDING, DESCENDING, IndexModel

IMAGES = [
    # The queue: what is due of a group, those requested first. Names the groups too, by a distinct scan.
    IndexModel(
        [("host", ASCENDING), ("priority", DESCENDING), ("next_refresh_at", ASCENDING)], name="by_due"
    ),
    # The sweep of unpublished events; few documents have any.
    IndexModel([("pending_at", ASCENDING)], name="by_pending_at", sparse=True),
]

PLUGINS = [
    # Who uses an image: asked at each refresh and each change of its list. A plugin's image never changes, so
    # it costs registering and deregistering alone; without it every refresh would read the whole collection.
    IndexModel(
        [("plugin.image", ASCENDING)],
        name="by_image",
        partialFilterExpression={"scope": {"$exists": True}},
    ),
]
