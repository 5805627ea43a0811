"""rediss:// is encrypted and verified, although the transport is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from tests.support.servers import RedisServer, wait_until
from tests.support.tls import TlsFront, make_certificate
from tests.transport.workers import StartWorker
from worker.transport import Options, install


@pytest.fixture
def front(server: RedisServer, tmp_path: Path) -> Iterator[TlsFront]:
    with TlsFront(server.port, make_certificate(tmp_path, "server")) as front:
        yield front


@pytest.fixture
def url(front: TlsFront, tmp_path: Path) -> str:
    return f"rediss://localhost:{front.port}/0?ssl_cert_reqs=required&ssl_ca_certs={tmp_path}/server.pem"


def test_a_worker_works_over_tls(
    front: TlsFront, url: str, client: redis.Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(url)
    wait_until(lambda: client.hget("test.commands:lease", "owner"), what="its lease")
    assert worker.running and front.accepted > 3
    with redis.Redis.from_url(url) as secured:
        assert secured.ping()


def test_a_server_of_an_unknown_authority_is_not_spoken_to(
    front: TlsFront, url: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path, "other")
    worker = start_worker(url.replace("server.pem", other.name), ready=False)
    wait_until(lambda: "its certificate is not trusted" in worker.output(), what="the refusal of the server")
    assert "Connected to" not in worker.output()
    assert front.accepted == 0


def test_what_would_be_plaintext_is_refused() -> None:
    app = Celery(set_as_current=False)
    with pytest.raises(ValueError, match="broker_use_ssl"):
        install(app, "rediss://h/0", Options(), timeouts={})
