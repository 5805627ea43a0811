"""A whole deployment whose Redis speaks TLS only: worker, answers, events and client."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.client import PluginClient
from tests.support.servers import RedisServer, run_worker
from tests.support.tls import TlsFront, make_certificate


@pytest.fixture
def front(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[TlsFront]:
    with TlsFront(redis_server.port, make_certificate(tmp_path, "redis")) as front:
        yield front


def test_a_command_is_applied_and_answered(
    front: TlsFront, mongodb_url: str, redis_url: str, tmp_path: Path
) -> None:
    number = redis_url.rsplit("/", 1)[1]
    url = f"rediss://localhost:{front.port}/{number}?ssl_ca_certs={tmp_path}/redis.pem"
    env = {"PLUGINS_REDIS_URL": url, "PLUGINS_MONGODB_URL": mongodb_url}
    with (
        run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log"),
        PluginClient(url) as client,
    ):
        answer = client.ask(
            "register", timeout_s=60, domain_id="d-1", name="JIRA", service_type="x.Y", image="acme/jira"
        )
        shown = subprocess.run(
            [sys.executable, "-m", "worker.cli", "events"],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=True,
        )
    assert answer["revision"] == 1
    assert "d-1/jira@1" in shown.stdout
