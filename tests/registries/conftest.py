from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.registries.double import Double
from worker.domain.image import ImageRef
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.auth.credentials import Credentials, parse_credentials
from worker.registries.auth.realms import Realms
from worker.registries.http.guard import Resolver, system_resolver
from worker.registries.http.proxy import Proxy
from worker.registries.registries import Network, Registries
from worker.registries.settings import parse_realms
from worker.registries.tags.docker_hub import API

SECRET = "s3cr3t-Pa$$word"


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start(closing: ExitStack) -> Callable[..., Double]:
    """Starts a double that ends with the test."""
    return lambda *args, **kwargs: closing.enter_context(Double(*args, **kwargs))


@pytest.fixture
def double(start: Callable[..., Double]) -> Double:
    return start()


@pytest.fixture
def trap(start: Callable[..., Double], double: Double) -> Double:
    """An attacker's server: at the port of the registry, so that a name can lead to either.

    It is at another loopback address: somewhere inside that nobody allowed.
    """
    trap = start("127.0.0.2", double.port)
    trap.tags["app"] = ["stolen"]
    return trap


@pytest.fixture
def registries(closing: ExitStack) -> Callable[..., Registries]:
    """Registries that close with the test; ``allowed`` and ``realms`` are the settings' texts."""

    def make(
        allowed: str = "",
        resolver: Resolver = system_resolver,
        docker_hub_api: str = API,
        realms: str = "",
        proxy: Proxy | None = None,
        ca_files: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Registries:
        network = Network(resolver, docker_hub_api, Realms(parse_realms(realms)), proxy, ca_files or {})
        return closing.enter_context(Registries(AllowedRegistries.parse(allowed), network=network, **options))

    return make


def requests_for(registries: Registries, ref: ImageRef) -> int:
    """How many requests it takes to read the image."""
    taken: list[None] = []
    registries.fetch(ref, lambda: taken.append(None))
    return len(taken)


@pytest.fixture
def credentials(tmp_path: Path) -> Callable[..., Credentials]:
    """Credentials ``robot`` for the given hosts and domains, with ``SECRET`` as password."""
    (tmp_path / "password").write_text(SECRET + "\n")

    def make(*hosts: str, domains: tuple[str, ...] = ("*",), username: str = "robot$ci") -> Credentials:
        entry = {"hosts": [*hosts], "domains": [*domains], "username": username, "password_file": "password"}
        return parse_credentials({"robot": entry}, tmp_path)

    return make


@pytest.fixture
def oci() -> Callable[..., ImageRef]:
    """The image ``app`` of an OCI registry."""
    return lambda host, image="app", credential=None: ImageRef("OCI", host, image, credential)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate of ``registry.test`` and ``127.0.0.1``, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry.test "
        f"-addext subjectAltName=DNS:registry.test,IP:127.0.0.1 -keyout {key} -out {cert}"
    )
    subprocess.run(command.split(), check=True, capture_output=True, timeout=60)
    return cert, key


@pytest.fixture
def server_context(certificate: tuple[Path, Path]) -> Callable[[], ssl.SSLContext]:
    """TLS contexts of servers with the certificate."""

    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context

    return make
