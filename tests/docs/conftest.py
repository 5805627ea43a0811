"""A deployment as a reader of the pages has it: what `make up` starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.support.servers import ChildProcess, free_port


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that `plugins up` tells to set in another terminal, while it runs."""
    folder = tmp_path_factory.mktemp("deployment")
    redis_port, mongodb_port = free_port(), free_port()
    ports = ["--redis-port", str(redis_port), "--mongodb-port", str(mongodb_port)]
    up = ChildProcess(
        [sys.executable, "-m", "worker.cli", "up", "--data-dir", str(folder / "data"), *ports],
        log=folder / "up.log",
        cwd=folder,
        # The images of the pages are invented: nobody else's registry is asked for them.
        env={"PLUGINS_REGISTRY_MIRRORS": f"DOCKER_HUB=http://127.0.0.1:{free_port()}"},
        ready="Ready",
    )
    with up:
        yield {
            "PLUGINS_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "PLUGINS_MONGODB_URL": f"mongodb://127.0.0.1:{mongodb_port}/plugins?replicaSet=rs0",
            "PLUGINS_HEARTBEAT_DIR": str(folder / "data" / "heartbeats"),
        }
