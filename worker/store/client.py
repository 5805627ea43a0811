"""The connection to MongoDB."""

from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]


def connect(url: str) -> Database[Document]:
    """The database that ``url`` names (default ``plugins``), majority reads and writes on the primary.

    Nothing is dialled until the first command. A server that is away is given up on after 2 s, a command that
    is not answered after 10 s, so that whoever waits for the store stays able to end.
    """
    client: MongoClient[Document] = MongoClient(
        url,
        tz_aware=True,
        appname="plugin-repository",
        serverSelectionTimeoutMS=2_000,
        connectTimeoutMS=3_000,
        socketTimeoutMS=10_000,
        readPreference="primary",
    )
    name = urlsplit(url).path.lstrip("/") or "plugins"
    return client.get_database(
        name, read_concern=ReadConcern("majority"), write_concern=WriteConcern(w="majority", wtimeout=10_000)
    )
