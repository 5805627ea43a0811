"""When the process ends, a read that waits for a registry ends too, whatever it waits for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.registries.attacks import PATH, Make, Oci
from tests.registries.double import Double, Handler, says
from tests.support.silence import SilentHost
from worker.domain.image import CutShort, FetchFailed, ImageRef, TagList
from worker.registries import Caps
from worker.registries.auth.credentials import parse_credentials
from worker.registries.auth.logins import Logins
from worker.registries.http import deadline

CAPS = Caps(connect_s=60, read_s=60, image_s=60)
SOON_S = 20.0
"""Far above what is left to a read that is cut short, and far below what it may take otherwise."""


class Reads:
    """Reads of one image by registries of a process that may be told to end."""

    def __init__(self, registries: Make, oci: Oci, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deadline, "LAST_S", 0.3)
        self.waits = threading.Event()
        self.ends = threading.Event()
        self.release = threading.Event()
        self._registries, self._oci = registries, oci
        self._pool = ThreadPoolExecutor()

    def of(self, allowed: str, host: str) -> Future[TagList]:
        return self.read(self._oci(host), allowed=allowed)

    def read(self, ref: ImageRef, **options: object) -> Future[TagList]:
        made = self._registries(caps=CAPS, stopping=self.ends.is_set, **options)
        return self._pool.submit(made.fetch, ref)

    def wait(self, *_: object, **__: object) -> None:
        """Wait until the test is over, as one who does not answer."""
        self.waits.set()
        self.release.wait(60)

    def cut_short(self, reading: Future[TagList]) -> bool:
        """Tell the process to end; whether that ended the read."""
        self.waits.wait(SOON_S)
        assert not reading.done(), reading.exception()
        self.ends.set()
        return isinstance(reading.exception(SOON_S), CutShort)

    def close(self) -> None:
        self.release.set()
        self._pool.shutdown()


@pytest.fixture
def reads(registries: Make, oci: Oci, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    made = Reads(registries, oci, monkeypatch)
    yield made
    made.close()


def test_an_answer_that_does_not_come(double: Double, reads: Reads) -> None:
    double.behaviours[PATH] = reads.wait
    assert reads.cut_short(reads.of(f"http://{double.authority}", double.authority))


def test_a_body_that_drips(double: Double, reads: Reads) -> None:
    def drip(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while not reads.release.wait(0.05):
            handler.raw(b" ")
            reads.waits.set()

    double.behaviours[PATH] = drip
    assert reads.cut_short(reads.of(f"http://{double.authority}", double.authority))


def test_requests_one_after_the_other(double: Double, reads: Reads) -> None:
    def again(handler: Handler) -> None:
        reads.waits.set()
        reads.release.wait(0.1)
        handler.reply(
            200,
            {"tags": [f"{len(double.asked)}.0"]},
            {"Link": f"<{PATH}?last={len(double.asked)}>; rel=next"},
        )

    double.behaviours[PATH] = again
    assert reads.cut_short(reads.of(f"http://{double.authority}", double.authority))


@pytest.mark.parametrize("scheme", ["", "http://"], ids=["tls", "connect"])
def test_a_host_that_is_silent(scheme: str, double: Double, reads: Reads) -> None:
    """It takes the connection, and does not greet; or does not even take it."""
    with SilentHost(double.port) as host:
        host.fall_silent(accepts=not scheme)
        authority = f"127.0.0.1:{host.port}"
        reading = reads.of(f"{scheme}{authority}", authority)
        reads.waits.set()
        assert reads.cut_short(reading)


def test_a_name_that_nobody_looks_up(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", reads.wait)
    assert reads.cut_short(reads.of("registry.test", "registry.test"))


def test_a_cloud_that_gives_no_login(reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Logins, "get", reads.wait)
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    entry = {"hosts": [host], "domains": ["*"], "provider": "aws"}
    ref = ImageRef("AWS_PRIVATE_ECR", host, "app", "aws")
    assert reads.cut_short(
        reads.read(ref, allowed=host, credentials=parse_credentials({"aws": entry}, Path()))
    )


def test_a_failure_within_what_is_left_is_one(double: Double, reads: Reads) -> None:
    double.behaviours[PATH] = says(500)
    reads.ends.set()
    reading = reads.of(f"http://{double.authority}", double.authority)
    assert isinstance(reading.exception(SOON_S), FetchFailed)


def test_a_list_within_what_is_left_is_one(double: Double, reads: Reads) -> None:
    double.tags["app"] = ["1.0"]
    reads.ends.set()
    assert reads.of(f"http://{double.authority}", double.authority).result(SOON_S).tags == ("1.0",)
