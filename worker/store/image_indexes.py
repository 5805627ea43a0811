"""The indexes that images need, each with what needs it; every one costs every write of its collection."""

from pymongo import ASCENDING, DESCENDING, IndexModel

IMAGES = [
    # The queue: what is due of a group, those looked at first. Names the groups too, by a distinct scan.
    IndexModel(
        [("host", ASCENDING), ("priority", DESCENDING), ("next_refresh_at", ASCENDING)], name="image_queue"
    ),
    # The sweep of unpublished events; hardly ever holds anything.
    IndexModel(
        [("pending_at", ASCENDING)],
        name="image_pending",
        partialFilterExpression={"pending_at": {"$exists": True}},
    ),
]

PLUGINS = [
    # Who uses an image: asked at each refresh and each change of its list. A plugin's image never changes, so
    # it costs registering and deregistering alone; without it every refresh would read the whole collection.
    IndexModel(
        [("plugin.image", ASCENDING)],
        name="plugin_image",
        partialFilterExpression={"scope": {"$exists": True}},
    ),
]
