"""Between an image and its document.

``versions`` is a plain array of all tags: the largest list kept, 50,000 tags of 128 characters, takes 7 MB of
the 16 MB that a document may have.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from worker.domain.image import FailureReason, ImageRef
from worker.domain.image_record import ImageRecord
from worker.store.client import Document
from worker.store.documents import outbox_document, pending_of

_SIMPLE = (
    "state",
    "digest",
    "revision",
    "truncated",
    "synced_at",
    "changed_at",
    "next_refresh_at",
    "interval_s",
    "failures",
    "not_found_in_row",
    "suspicious",
    "last_error",
    "last_detail",
    "failing_since",
)

_OLD_ERRORS: dict[str, FailureReason] = {
    "auth_failed": "auth",
    "refused": "not_allowed",
    "throttled": "throttled",
    "not_found": "not_found",
}
"""What ``last_error`` meant to versions of this program that stored no ``last_detail``. ``unavailable`` could
be almost anything.
"""


def image_of(document: Mapping[str, Any]) -> ImageRecord:
    """Return the image in a document of the ``images`` collection."""
    ref = ImageRef(
        registry_type=document["registry_type"],
        registry_url=document["registry_url"],
        image=document["image"],
        credential=document.get("credential"),
    )
    known = {name: document[name] for name in _SIMPLE if name in document}
    known["last_error"] = reason_of(document.get("last_error"), is_old="last_detail" not in document)
    return ImageRecord(
        ref, versions=tuple(document.get("versions", ())), outbox=pending_of(document), **known
    )


def reason_of(stored: str | None, *, is_old: bool) -> FailureReason | None:
    """Return the reason that a document has as ``last_error``, or None.

    ``is_old``: it has no ``last_detail``.
    """
    if is_old:
        return _OLD_ERRORS.get(stored or "")
    return next((reason for reason in get_args(FailureReason) if reason == stored), None)


def failed_for(reason: FailureReason) -> Document:
    """Return the condition of the documents for which ``reason_of`` returns ``reason``."""
    old = [stored for stored, meant in _OLD_ERRORS.items() if meant == reason]
    return {
        "$or": [
            {"last_error": reason, "last_detail": {"$exists": True}},
            {"last_error": {"$in": old}, "last_detail": {"$exists": False}},
        ]
    }


def new_document(ref: ImageRef, now: datetime, due: datetime, *, priority: bool) -> Document:
    """Return the document of an image that nothing is known of, without its ``_id``.

    ``due``: when it is to be read.
    ``priority``: a refresh is requested ``now``.
    """
    document: Document = {
        "host": ref.budget_group,
        "registry_type": ref.registry_type,
        "registry_url": ref.registry_url,
        "image": ref.image,
        "state": "pending",
        "revision": 0,
        "failures": 0,
        "total_count": 0,
        "priority": int(priority),
        "next_refresh_at": due,
    }
    if priority:
        document["priority_at"] = now
    if ref.credential:
        document["credential"] = ref.credential
    return document


def placeholder(name: str, last_event: Mapping[str, Any], now: datetime) -> Document | None:
    """Return the document of an image that only its last event describes; None if that is another image's."""
    try:
        kind, url, image = (last_event[field] for field in ("registry_type", "registry_url", "image"))
        ref = ImageRef(kind, url, image, name.partition("#")[2] or None)
    except KeyError:
        return None
    if ref.key != name:
        return None
    document = new_document(ref, now, now, priority=False)
    del document["next_refresh_at"], document["revision"]
    return document


def image_update(before: ImageRecord, after: ImageRecord, now: datetime, *, priority: bool) -> Document:
    """Return the update of the one write from ``before`` to ``after``, which ends the claim.

    The list is written only when it changed. ``pending_at`` marks the document for the sweep of unpublished
    events. ``priority``: the image goes before others when it is due.
    """
    changes: Document = {"priority": int(priority)}
    removed: Document = {"lease": ""}
    for name in _SIMPLE:
        value = getattr(after, name)
        if value is None:
            removed[name] = ""
        else:
            changes[name] = value
    if after.versions != before.versions:
        changes |= {"versions": list(after.versions), "total_count": len(after.versions)}
    if after.outbox != before.outbox:
        changes["outbox"] = outbox_document(after.outbox)
    update: Document = {"$set": changes, "$unset": removed}
    if after.outbox and after.revision != before.revision:
        update["$min"] = {"pending_at": now}
    return update
