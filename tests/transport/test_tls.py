"""rediss:// is encrypted and verified, although the transport is named."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import redis
from transport_harness import Server, binaries, until

from worker.transport import broker_use_ssl


def test_plain_urls_need_no_tls():
    assert broker_use_ssl("redis://localhost:6379/0") is None


def test_rediss_verifies_and_takes_files_from_the_url():
    use = broker_use_ssl("rediss://h/0?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem")
    assert use == {
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
        "ssl_check_hostname": True,
        "ssl_ca_certs": "/ca.pem",
        "ssl_certfile": "/c.pem",
        "ssl_keyfile": "/k.pem",
    }


@pytest.mark.parametrize(
    "query", ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_OPTIONAL", "ssl_check_hostname=false"]
)
def test_verification_cannot_be_switched_off(query):
    with pytest.raises(ValueError, match="verification"):
        broker_use_ssl(f"rediss://h/0?{query}")


def make_certificate(folder: Path, name: str) -> Path:
    subprocess.run(
        [
            *(shutil.which("openssl") or "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-days", "2", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return folder / f"{name}.pem"


class TlsServer(Server):
    """A redis-server that speaks TLS only."""

    def options(self) -> list[str]:
        certificate = make_certificate(self.folder, "server")
        self.url = f"rediss://localhost:{self.port}/0?ssl_cert_reqs=required&ssl_ca_certs={certificate}"
        files = ["--tls-cert-file", str(certificate), "--tls-key-file", str(self.folder / "server.key")]
        listen = [
            "--port",
            "0",
            "--tls-port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
        ]
        return [*listen, *files, "--tls-auth-clients", "no"]


@pytest.fixture
def tls_server(tmp_path):
    binary = binaries().get("system")
    if binary is None or shutil.which("openssl") is None:
        pytest.skip("no redis-server with TLS here")
    server = TlsServer(binary, tmp_path)
    yield server
    server.kill()


def test_a_worker_works_over_tls(tls_server, start_worker):
    worker = start_worker(tls_server.url).ready()
    with redis.Redis.from_url(tls_server.url) as client:
        until(lambda: client.hget("test.commands:lease", "owner"), what="it holds the lease")
        connections = client.client_list()
    assert worker.alive and len(connections) > 3


def test_a_server_of_an_unknown_authority_is_not_spoken_to(tls_server, start_worker, tmp_path):
    other = make_certificate(tmp_path, "other")
    worker = start_worker(tls_server.url.replace("server.pem", other.name))
    until(lambda: worker.said("CERTIFICATE_VERIFY_FAILED"), what="the worker refuses the server")
    assert not worker.said("Connected to")
