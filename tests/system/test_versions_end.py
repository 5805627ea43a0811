"""A versions worker that waits for a registry ends when it is told to, and blames no image for that."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import celery
import pytest

from tests.registries.double import Double, Handler
from tests.support.servers import run_worker, wait_until
from tests.system.outages import GRACE_S
from worker.domain.image import ImageRef
from worker.domain.schedule import Intervals
from worker.store.client import connect_mongodb
from worker.store.image_store import ImageStore
from worker.tasks.versions import TICK

IMAGES = 30
"""More than one task reads."""


@pytest.fixture
def mute() -> Iterator[Double]:
    """A registry that takes each question, and never answers it."""
    registry, over = Double(), threading.Event()

    def keep_waiting(_: Handler) -> bool:
        over.wait(120)
        return True

    registry.before = keep_waiting
    yield registry
    over.set()
    registry.close()


def test_sigterm_cuts_the_reads_short(plugins_env: dict[str, str], mute: Double, tmp_path: Path) -> None:
    database = connect_mongodb(plugins_env["PLUGINS_MONGODB_URL"])
    store, now = ImageStore.of(database, Intervals()), datetime.now(UTC)
    for number in range(IMAGES):
        plugin: dict[str, Any] = {
            "plugin_id": f"p{number}",
            "image": f"team/p{number}",
            "registry_type": "OCI",
            "registry_url": mute.authority,
        }
        database["plugins"].insert_one({"_id": f"d/p{number}", "scope": "d", "plugin": plugin, "revision": 1})
        store.images.ensure(ImageRef.of(plugin), now)
    before = list(database["images"].find(sort=[("_id", 1)]))
    env = {
        **plugins_env,
        "PLUGINS_ALLOWED_REGISTRIES": f"http://{mute.authority}",
        "PLUGINS_REGISTRY_CAPS": "read_s=60",
    }
    with run_worker("-Q", "plugin.versions", "--concurrency", "4", env=env, log=tmp_path / "log") as worker:
        with celery.Celery(broker=plugins_env["PLUGINS_REDIS_URL"], set_as_current=False) as sender:
            sender.send_task(TICK, queue="plugin.versions", ignore_result=True)
        wait_until(lambda: len(mute.asked) > 1, 60, "reads of two tasks")
        worker.terminate()
        worker.wait(GRACE_S)
    assert list(database["images"].find(sort=[("_id", 1)])) == before
    database.client.close()
