from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repositories.world import World
from worker.repositories.remote.peer import Remote


@pytest.fixture
def opened() -> Iterator[list[Remote]]:
    remotes: list[Remote] = []
    yield remotes
    for remote in remotes:
        remote.close()


@pytest.fixture
def world(mongodb_url: str, tmp_path: Path) -> Iterator[World]:
    made = World(mongodb_url, tmp_path)
    yield made
    made.store.close()
