"""The connection to MongoDB."""

from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]

DEFAULT_DATABASE = "plugins"

SILENT_S = 5.0
"""How long MongoDB may leave a command without an answer, in seconds."""


def check_mongodb_url(url: str) -> None:
    """Refuse a URL that ``connect_mongodb`` cannot use, without showing it.

    Nothing is dialled or resolved: the servers behind a ``mongodb+srv://`` URL are not checked.

    Raises: ``ValueError``.
    """
    try:
        connect_mongodb(url)
    except (PyMongoError, ValueError, OSError) as error:
        # Its own words may hold a part of the password.
        raise ValueError(
            f"is not a URL that MongoDB's driver can use ({type(error).__name__}): check the port, the name "
            "of the database, the options (every read is of the primary) and their files; user and password "
            "must be percent-encoded"
        ) from None


def connect_mongodb(url: str) -> Database[Document]:
    """Return the database that ``url`` names (default ``plugins``), with majority reads and writes on the
    primary.

    Nothing is dialled or resolved before the first command. A server that is away fails after 2 s, a command
    without an answer after ``SILENT_S``, and again after as long where the driver tries it twice: a process
    that waits for the store ends within its grace.
    """
    client: MongoClient[Document] = MongoClient(
        url,
        connect=False,
        tz_aware=True,
        appname="plugin-repository",
        serverSelectionTimeoutMS=2_000,
        connectTimeoutMS=3_000,
        socketTimeoutMS=int(SILENT_S * 1000),
        readPreference="primary",
    )
    return client.get_database(
        _database_in(url),
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern(w="majority", wtimeout=int(SILENT_S * 1000)),
    )


def _database_in(url: str) -> str:
    return urlsplit(url).path.lstrip("/") or DEFAULT_DATABASE
