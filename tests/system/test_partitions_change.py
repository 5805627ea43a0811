"""A worker and a number of partitions that was changed behind its back."""

from pathlib import Path

import redis
from servers import run_worker, wait_until

from worker.broker import PARTITIONS


def test_a_worker_ends_in_good_order_when_the_number_is_another_one(
    plugins_env: dict[str, str], tmp_path: Path
) -> None:
    """One that was starting while the number was changed passed its check before."""
    env = plugins_env | {"PLUGINS_HEARTBEAT_DIR": str(tmp_path / "beats")}
    with (
        redis.Redis.from_url(plugins_env["PLUGINS_REDIS_URL"]) as client,
        run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log") as worker,
    ):
        wait_until(lambda: client.hget("plugin.commands:lease", "owner"), 20)
        client.delete(PARTITIONS)
        wait_until(lambda: client.get(PARTITIONS) == b"1", 20)
        client.set(PARTITIONS, 2)
        wait_until(lambda: not worker.running, 30)
        assert "there are 2 partition(s) now" in worker.output()
        assert client.hget("plugin.commands:lease", "owner") is None
