"""Many updates of single documents, in one command."""

from collections.abc import Sequence

from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from worker.store.client import Document

_DUPLICATE_KEY = 11000


def update_each(collection: Collection[Document], updates: Sequence[Document]) -> tuple[int, list[int]]:
    """Make updates, each of one document, in any order, with one command.

    ``updates``: as in MongoDB's command ``update``: ``q``, ``u`` and ``upsert``; at most 16 MiB together.

    Returns how many took effect, and the indexes of those whose insertion collided with a document.

    Raises: pymongo's errors. The driver does not repeat the command: an update that has taken effect must
    miss when it is made again.
    """
    # bulk_write() takes more work of the driver, and more of the server, which notes what may be repeated.
    reply = collection.database.command(
        {
            "update": collection.name,
            "updates": updates,
            "ordered": False,
            "writeConcern": collection.write_concern.document,
        }
    )
    errors, unconfirmed = reply.get("writeErrors", []), reply.get("writeConcernError")
    if unconfirmed or any(error["code"] != _DUPLICATE_KEY for error in errors):
        details = {"writeErrors": errors, "writeConcernErrors": [unconfirmed] if unconfirmed else []}
        raise BulkWriteError(details)
    return reply["n"], [error["index"] for error in errors]
