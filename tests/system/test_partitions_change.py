"""Workers and the number of partitions: each told its own, and one that was changed behind their back."""

from pathlib import Path

import redis
from celery import Celery

from tests.support.old_clients import celery_php
from tests.support.servers import run_worker, wait_until
from worker.process.partitions import PARTITIONS


def test_a_worker_ends_in_good_order_when_the_number_is_another_one(
    plugins_env: dict[str, str], tmp_path: Path
) -> None:
    """One that was starting while the number was changed passed its check before."""
    env = plugins_env | {"PLUGINS_HEARTBEAT_DIR": str(tmp_path / "beats")}
    with (
        redis.Redis.from_url(plugins_env["PLUGINS_REDIS_URL"]) as client,
        run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log") as worker,
    ):
        wait_until(lambda: client.hget("plugin.commands:lease", "owner"), 60)
        client.delete(PARTITIONS)
        wait_until(lambda: client.get(PARTITIONS) == b"1", 60)
        client.set(PARTITIONS, 2)
        wait_until(lambda: not worker.running, 60)
        assert "there are 2 partition(s) now" in worker.output()
        assert client.hget("plugin.commands:lease", "owner") is None


def test_workers_with_partitions_of_their_own_read_the_bare_queue_too(
    plugins_env: dict[str, str], tmp_path: Path
) -> None:
    """A publisher that knows no partitions is served, however the partitions are given out."""
    env = plugins_env | {"PLUGINS_COMMAND_PARTITIONS": "2", "PLUGINS_HEARTBEAT_DIR": str(tmp_path / "beats")}
    url = plugins_env["PLUGINS_REDIS_URL"]
    with (
        redis.Redis.from_url(url) as client,
        run_worker("-Q", "plugin.commands.0", env=env, log=tmp_path / "0.log"),
        run_worker("-Q", "plugin.commands.1", env=env, log=tmp_path / "1.log"),
        Celery(broker=url, backend=url, set_as_current=False) as app,
    ):
        for number in range(6):
            given = {"domain_id": "d", "name": "N", "service_type": "x.Y", "image": f"acme/p{number}"}
            sent = app.send_task("plugin.register", kwargs=given, queue="plugin.commands")
            assert sent.get(timeout=60)["revision"] == 1
            # Forwarded as it was sent, in the older message protocol too.
            old = celery_php("plugin.disable", {"domain_id": "d", "plugin_id": f"p{number}"}, f"old-{number}")
            client.lpush("plugin.commands", old)
            assert app.AsyncResult(f"old-{number}").get(timeout=60)["revision"] == 2
        app.backend.result_consumer.stop()
