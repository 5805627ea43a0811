"""Everything that the store has of images."""

from dataclasses import dataclass
from typing import Self

from pymongo.database import Database

from worker.domain.schedule import Intervals
from worker.store.client import Document
from worker.store.image_queue import CLAIM_S, ImageQueue
from worker.store.images import Images
from worker.store.users import ImageUsers


@dataclass(frozen=True, slots=True)
class ImageStore:
    """The images, those of them that are due, and the plugins that use them."""

    images: Images
    queue: ImageQueue
    users: ImageUsers

    @classmethod
    def of(
        cls, database: Database[Document], intervals: Intervals | None = None, claim_s: float = CLAIM_S
    ) -> Self:
        """Return the images of a database.

        ``intervals``: bound how far ahead an image may be due. Default: ``Intervals()``.
        ``claim_s``: how long a claim lasts unless it is renewed, in seconds. Default: 120.
        """
        return cls(Images(database, intervals), ImageQueue(database, claim_s), ImageUsers(database))
