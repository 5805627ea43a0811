"""Who uses an image: queries on the plugins."""

from typing import Any

from pymongo.database import Database

from worker.domain.events import MAX_NAMES, Users
from worker.domain.image import ImageRef
from worker.domain.scope import MANAGED, NOBODY
from worker.store.client import Document
from worker.store.errors import outage

_LIVING: Document = {"$exists": True}


class ImageUsers:
    """The plugins as users of images. Raises ``StoreUnavailable`` when the store is away."""

    def __init__(self, database: Database[Document]) -> None:
        self._plugins = database["plugins"]

    def of(self, ref: ImageRef) -> Users:
        """Return the local plugins that use the image: up to ``MAX_NAMES`` of them, and their count."""
        query = using(ref, {"$gt": MANAGED})
        with outage():
            found = self._plugins.find(query, {"scope": 1, "plugin.plugin_id": 1}).limit(MAX_NAMES)
            plugins = tuple(sorted((d["scope"], d["plugin"]["plugin_id"]) for d in found))
            count = len(plugins) if len(plugins) < MAX_NAMES else self._plugins.count_documents(query)
        return Users(plugins, count)

    def any(self, ref: ImageRef, domains: frozenset[str] | None = None) -> bool:
        """Return whether a plugin, local or managed, uses the image.

        ``domains``: count only plugins of these; those of ``NOBODY`` are the managed ones. Default: all.
        """
        scope = _LIVING
        if domains is not None:
            scope = {"$in": sorted({*domains, MANAGED} if NOBODY in domains else domains)}
        return self._has(using(ref, scope))

    def named(self, ref: ImageRef) -> bool:
        """Return whether a plugin names the image exactly so, with this type and address of the registry."""
        return self._has(
            {
                "plugin.image": ref.image,
                "plugin.registry_type": ref.registry_type,
                "plugin.registry_url": ref.registry_url,
                "plugin.registry_config.credential": ref.credential,
                "scope": _LIVING,
            }
        )

    def images_after(self, key: str, limit: int) -> tuple[list[ImageRef], str | None]:
        """Return the images of the next plugins, in the order of their keys, and the last key.

        ``key``: go on behind this one; empty: from the start.
        ``limit``: how many plugins at most. Where there are fewer, the last key is None: that was the end.
        """
        fields = {
            f"plugin.{name}": 1 for name in ("registry_type", "registry_url", "image", "registry_config")
        }
        query: dict[str, Any] = {"_id": {"$gt": key}, "scope": _LIVING}
        with outage():
            found = list(self._plugins.find(query, fields).sort("_id", 1).limit(limit))
        refs = {ref.key: ref for ref in (ImageRef.of(document["plugin"]) for document in found)}
        return list(refs.values()), found[-1]["_id"] if len(found) == limit else None

    def _has(self, query: Document) -> bool:
        with outage():
            return self._plugins.find_one(query, {"_id": 1}) is not None


def using(ref: ImageRef, scope: Document) -> Document:
    """Return the query of the plugins with this image, however they spell it; no tombstone has a scope."""
    named = [{"plugin.registry_url": url, "plugin.image": image} for url, image in ref.spellings]
    images = sorted({image for _, image in ref.spellings})
    return {
        "plugin.image": {"$in": images},
        "scope": scope,
        "$or": named,
        "plugin.registry_config.credential": ref.credential,
    }
