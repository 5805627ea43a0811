"""Answers in pieces so small that each costs more than it brings, as many as there is time for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registries.attacks import GUARDED, PATH, Make, Oci, Start, attempt
from tests.registries.double import Double, Handler
from worker.registries.http import bounds

BODY = b'{"tags": []}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def interim(handler: Handler, pieces: int) -> None:
    handler.raw(b"HTTP/1.1 100 Continue\r\n\r\n" * pieces)
    handler.raw(HEAD + BODY)


def interim_with_headers(handler: Handler, pieces: int) -> None:
    handler.raw((b"HTTP/1.1 100 Continue\r\n" + b"X: y\r\n" * 90 + b"\r\n") * (pieces // 90))
    handler.raw(HEAD + BODY)


def small_chunks(handler: Handler, pieces: int) -> None:
    handler.raw(CHUNKED + b"1\r\n \r\n" * pieces + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))


def trailers(handler: Handler, pieces: int) -> None:
    handler.raw(CHUNKED + b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY) + b"X: y\r\n" * pieces + b"\r\n")


SHAPES = [interim, interim_with_headers, small_chunks, trailers]


@GUARDED
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_answer_in_too_many_pieces(
    start: Start,
    registries: Make,
    oci: Oci,
    server_context: Callable[[], object],
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    shape: Callable[[Handler, int], None],
    guarded: bool,
    tls: bool,
) -> None:
    registry = start(tls=server_context() if tls else None)
    monkeypatch.setattr(bounds, "_PIECES", 1_000 if guarded else 2**63)
    registry.behaviours[PATH] = lambda handler: shape(handler, 5_000)
    made = registries(
        f"{'' if tls else 'http://'}{registry.authority}", ca_files={registry.authority: str(certificate[0])}
    )
    assert attempt(made, oci(registry.authority)) == ("malformed" if guarded else "listed")


@GUARDED
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_body_that_comes_byte_by_byte(
    start: Start,
    registries: Make,
    oci: Oci,
    server_context: Callable[[], object],
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
    tls: bool,
) -> None:
    registry = start(tls=server_context() if tls else None)
    monkeypatch.setattr(bounds, "_PIECES", 20 if guarded else 2**63)
    more = BODY + b" " * 60
    turns = [threading.Event() for _ in more]

    def byte_by_byte(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(more))
        for byte, turn in zip(more, turns, strict=True):
            handler.raw(bytes([byte]))
            turn.wait(0.02)

    registry.behaviours[PATH] = byte_by_byte
    made = registries(
        f"{'' if tls else 'http://'}{registry.authority}", ca_files={registry.authority: str(certificate[0])}
    )
    assert attempt(made, oci(registry.authority)) == ("malformed" if guarded else "listed")


@pytest.mark.parametrize("piece", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"])
def test_interim_answers_without_end(double: Double, registries: Make, oci: Oci, piece: bytes) -> None:
    sent: list[None] = []

    def endless(handler: Handler) -> None:
        # Until the other side hangs up, which ends the connection here.
        while True:
            handler.raw(piece * 1_000)
            sent.append(None)

    double.behaviours[PATH] = endless
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "malformed"
    # What is read, and what lies on the way in the buffers of both ends.
    assert len(sent) < 1_000


def test_a_large_page_in_ordinary_pieces(double: Double, registries: Make, oci: Oci) -> None:
    tags = b'{"tags": ["a"]' + b" " * (7 << 20) + b"}"

    def chunked(handler: Handler) -> None:
        handler.raw(CHUNKED)
        for start in range(0, len(tags), 512):
            some = tags[start : start + 512]
            handler.raw(b"%x\r\n%s\r\n" % (len(some), some))
        handler.raw(b"0\r\n\r\n")

    double.behaviours[PATH] = chunked
    assert registries(f"http://{double.authority}").fetch(oci(double.authority)).tags == ("a",)
