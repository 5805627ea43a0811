"""The users of a deployment with an open panel: workers hear questions, and Flower's user may ask them."""

import subprocess
import sys
from pathlib import Path

from tests.acl.attacks import ATTACKS
from tests.acl.test_attacks import is_denied
from tests.support.guarded import GuardedRedis
from tests.support.servers import MongoReplicaSet, run_worker
from worker.process.panel_roles import with_panel


def test_the_panel_is_asked_and_answers(mongodb_server: MongoReplicaSet, tmp_path: Path) -> None:
    server = GuardedRedis(tmp_path / "redis", with_panel())
    with server:
        env = {
            "PLUGINS_REDIS_URL": server.url_of("queries"),
            "PLUGINS_MONGODB_URL": mongodb_server.url(f"panel_{server.port}"),
            "PLUGINS_REMOTE_CONTROL": "1",
        }
        with run_worker("-Q", "plugin.queries", "-E", env=env, log=tmp_path / "queries.log"):
            asked = subprocess.run(
                [sys.executable, "-m", "celery", "-b", server.url_of("flower"), "inspect", "ping"],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
        assert "pong" in asked.stdout, asked.stdout + asked.stderr
        assert server.denied() == []
        denied = [attack for attack in ATTACKS if is_denied(server, "flower", attack)]
        left = [attack for attack in ATTACKS if attack not in denied]
        assert len(denied) >= 85
        assert [attack for attack in left if "plugin." in attack or "celery-task-meta" in attack] == []


def test_workers_hear_no_questions_without_it(guarded: GuardedRedis) -> None:
    for name in ("commands", "queries", "versions"):
        assert is_denied(guarded, name, "SUBSCRIBE /0.celery.pidbox")
        assert is_denied(guarded, name, "LPUSH reply.celery.pidbox a")
