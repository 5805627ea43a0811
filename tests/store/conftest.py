"""The ``plugins`` collection of a real MongoDB, with its indexes, and the commands that it is sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from tests.support.mongo_commands import READS, MongoCommands
from worker.store.indexes import ensure_indexes
from worker.store.search import Search


@pytest.fixture
def commands() -> MongoCommands:
    """The reads of ``collection``."""
    return MongoCommands(only=READS)


@pytest.fixture
def collection(mongodb_url: str, commands: MongoCommands) -> Iterator[Any]:
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongodb_url, tz_aware=True, event_listeners=[commands]) as client:
        database: Database[dict[str, Any]] = client.get_default_database(read_concern=ReadConcern("majority"))
        ensure_indexes(database)
        yield database["plugins"]


@pytest.fixture
def search(collection: Any) -> Search:
    return Search(collection)
