"""The GridFS bucket of dead letters of before, whose messages above 8 MiB were kept whole."""

from collections.abc import Iterable
from typing import Any

from gridfs import GridFSBucket, NoFile
from pymongo.database import Database

from worker.store.client import Document


class LetterFiles:
    """The messages that are not in the documents of their letters, but in files that these name."""

    def __init__(self, database: Database[Document]) -> None:
        self._bucket = GridFSBucket(database, bucket_name="dead_letters")

    def read(self, document: Document) -> bytes:
        """Return the message of a letter."""
        content: bytes = self._bucket.open_download_stream(document["file"]).read()
        return content

    def delete(self, documents: Iterable[Document]) -> None:
        """Remove the messages of letters that are gone; nothing for a letter without a file."""
        for document in documents:
            file: Any = document.get("file")
            if file is None:
                continue
            try:
                self._bucket.delete(file)
            except NoFile:
                continue
