"""Attacks by answers: too large, too slow, without an end."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registries.attacks import GUARDED, PATH, Make, Oci, Start, attempt, attempt_in_memory
from tests.registries.double import Double, Handler, says
from worker.registries import Caps
from worker.registries.http import session

Patch = pytest.MonkeyPatch
PAUSE = threading.Event()


@GUARDED
def test_a_compression_bomb(
    double: Double, registries: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    tags = b'{"tags": ["' + b"a" * (96 << 20) + b'"]}'
    bomb = gzip.compress(tags, compresslevel=1)
    del tags
    assert len(bomb) < 1 << 20
    double.behaviours[PATH] = says(200, bomb, {"Content-Encoding": "gzip"})
    if not guarded:
        monkeypatch.setattr(session, "read_body", lambda response, limit: response.content)
    made = registries(f"http://{double.authority}")
    reason, peak = attempt_in_memory(made, oci(double.authority))
    assert (reason == "malformed") is guarded
    assert (peak < 32 << 20) is guarded


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "zstd"])
def test_an_encoding_that_was_not_asked_for(
    double: Double, registries: Make, oci: Oci, encoding: str
) -> None:
    double.behaviours[PATH] = says(200, {"tags": []}, {"Content-Encoding": encoding})
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "malformed"


def _endless(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(4096):
        handler.raw(b"4000\r\n" + b" " * 0x4000 + b"\r\n")


def test_an_endless_body(double: Double, registries: Make, oci: Oci) -> None:
    double.behaviours[PATH] = _endless
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "malformed"


@GUARDED
def test_a_page_that_is_too_large(
    double: Double, registries: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    double.behaviours[PATH] = says(200, b'{"tags": []' + b" " * (9 << 20) + b"}")
    if not guarded:
        monkeypatch.setattr(session, "read_body", lambda response, limit: response.content)
    reason = attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert reason == ("malformed" if guarded else "listed")


def _drip(data: bytes, handler: Handler) -> None:
    for byte in data:
        handler.raw(bytes([byte]))
        PAUSE.wait(0.03)


@GUARDED
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("where", ["headers", "body", "continue"])
def test_a_slow_drip(
    start: Start,
    registries: Make,
    oci: Oci,
    server_context: Callable[[], object],
    certificate: tuple[Path, Path],
    monkeypatch: Patch,
    guarded: bool,
    where: str,
    tls: bool,
) -> None:
    """Bytes that keep coming, each long before the read timeout, for longer than an image may take."""
    registry = start(tls=server_context() if tls else None)
    body = b'{"tags": []}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)

    def drip(handler: Handler) -> None:
        if where == "headers":
            _drip(head, handler)
            handler.raw(body)
        elif where == "body":
            handler.raw(head)
            _drip(body, handler)
        else:
            for _ in range(12):
                handler.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
                PAUSE.wait(0.03)
            handler.raw(head + body)

    registry.behaviours[PATH] = drip
    if not guarded:
        monkeypatch.setattr(session, "until", lambda ends: contextlib.nullcontext())
    made = registries(
        f"{'' if tls else 'http://'}{registry.authority}",
        caps=Caps(image_s=0.2, read_s=10),
        ca_files={registry.authority: str(certificate[0])},
    )
    assert attempt(made, oci(registry.authority)) == ("timeout" if guarded else "listed")


def test_the_time_of_an_image_covers_all_its_pages(double: Double, registries: Make, oci: Oci) -> None:
    """Given pages that are each fast enough, then their sum still is not."""

    def page(handler: Handler) -> None:
        number = int(handler.asked.query.get("last", 0)) + 1
        handler.reply(200, {"tags": []}, {"Link": f"<{PATH}?last={number}>; rel=next"})

    double.behaviours[PATH] = page
    made = registries(f"http://{double.authority}", caps=Caps(image_s=0.2, pages=1_000_000))
    assert attempt(made, oci(double.authority)) == "timeout"


def test_the_wait_for_the_budget_is_not_the_images(double: Double, registries: Make, oci: Oci) -> None:
    def take() -> None:
        PAUSE.wait(2.5)

    double.tags["app"] = ["1.0"]
    made = registries(f"http://{double.authority}", caps=Caps(image_s=2))
    assert made.fetch(oci(double.authority), take).tags == ("1.0",)
