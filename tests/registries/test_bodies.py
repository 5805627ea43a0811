"""A compressed answer is read whole, or not at all."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from tests.registries.attacks import GUARDED, PATH, Make, Oci, attempt, attempt_in_memory
from tests.registries.double import Double, says
from worker.registries import Caps
from worker.registries.http import body, bounds

TAGS = [f"1.{number}.0" for number in range(5_000)]
PAGE = json.dumps({"tags": TAGS}).encode()
HALF = len(PAGE) // 2
MEMBERS = gzip.compress(PAGE[:HALF]) + gzip.compress(PAGE[HALF:])


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


WHOLE = {
    "one member": ("gzip", gzip.compress(PAGE)),
    "two members": ("gzip", MEMBERS),
    "an empty member between": (
        "gzip",
        gzip.compress(PAGE[:HALF]) + gzip.compress(b"") + gzip.compress(PAGE[HALF:]),
    ),
    "a member for each kilobyte": (
        "gzip",
        b"".join(gzip.compress(PAGE[at : at + 1024]) for at in range(0, len(PAGE), 1024)),
    ),
    "zeros behind": ("gzip", MEMBERS + b"\0" * 70_000),
    "zeros between": ("gzip", gzip.compress(PAGE[:HALF]) + b"\0" * 512 + gzip.compress(PAGE[HALF:])),
    "x-gzip": ("x-gzip", MEMBERS),
    "in capitals": ("GZIP", MEMBERS),
    "identity beside": ("identity, gzip", MEMBERS),
    "deflate": ("deflate", zlib.compress(PAGE)),
    "bare deflate": ("deflate", _raw_deflate(PAGE)),
    "identity": ("identity", PAGE),
    "nothing named": ("", PAGE),
}
BROKEN = {
    "cut in the first member": ("gzip", gzip.compress(PAGE)[:-200]),
    "cut behind the first member's data": ("gzip", gzip.compress(PAGE)[:-4]),
    "cut in the second member": ("gzip", MEMBERS[:-200]),
    "cut in the second head": ("gzip", gzip.compress(PAGE) + MEMBERS[:5]),
    "garbage behind": ("gzip", MEMBERS + b"garbage"),
    "a wrong checksum": ("gzip", MEMBERS[:-6] + b"\0\0" + MEMBERS[-4:]),
    "empty": ("gzip", b""),
    "zeros alone": ("gzip", b"\0" * 100),
    "not compressed": ("gzip", PAGE),
    "deflate cut": ("deflate", zlib.compress(PAGE)[:-200]),
    "bare deflate cut": ("deflate", _raw_deflate(PAGE)[:-200]),
    "one byte of deflate": ("deflate", b"x"),
    "deflate and more": ("deflate", zlib.compress(PAGE) + b"{}"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(PAGE))),
    "gzip called deflate": ("deflate", gzip.compress(PAGE)),
    "brotli": ("br", b"\x0b\x02\x80{}\x03"),
}


@pytest.mark.parametrize("shape", WHOLE)
def test_a_compressed_page(double: Double, registries: Make, oci: Oci, shape: str) -> None:
    encoding, data = WHOLE[shape]
    double.behaviours[PATH] = says(200, data, {"Content-Encoding": encoding})
    assert registries(f"http://{double.authority}").fetch(oci(double.authority)).tags == tuple(TAGS)
    assert double.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("shape", BROKEN)
def test_a_broken_page_is_no_page(double: Double, registries: Make, oci: Oci, shape: str) -> None:
    encoding, data = BROKEN[shape]
    double.behaviours[PATH] = says(200, data, {"Content-Encoding": encoding})
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "malformed"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [1, 7, 4_096])
def test_a_page_in_pieces(
    monkeypatch: pytest.MonkeyPatch, double: Double, registries: Make, oci: Oci, encoding: str, size: int
) -> None:
    monkeypatch.setattr(body, "_CHUNK", size)
    data = MEMBERS if encoding == "gzip" else _raw_deflate(PAGE)
    double.behaviours[PATH] = says(200, data, {"Content-Encoding": encoding})
    assert registries(f"http://{double.authority}").fetch(oci(double.authority)).tags == tuple(TAGS)


@GUARDED
def test_members_that_hold_nothing(
    monkeypatch: pytest.MonkeyPatch, double: Double, registries: Make, oci: Oci, guarded: bool
) -> None:
    monkeypatch.setattr(bounds, "_PIECES", 1_000 if guarded else 2**63)
    data = gzip.compress(b"") * 5_000 + gzip.compress(PAGE)
    double.behaviours[PATH] = says(200, data, {"Content-Encoding": "gzip"})
    reason = attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert reason == ("malformed" if guarded else "listed")


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_cap_holds_for_the_sum_of_all_members(
    double: Double, registries: Make, oci: Oci, encoding: str
) -> None:
    caps = Caps(page_bytes=1 << 20)
    half = b" " * (600 << 10)
    page = half + PAGE[:50_000]
    data = gzip.compress(half) + gzip.compress(page) if encoding == "gzip" else zlib.compress(half + page)
    double.behaviours[PATH] = says(200, data, {"Content-Encoding": encoding})
    assert attempt(registries(f"http://{double.authority}", caps=caps), oci(double.authority)) == "malformed"
    assert len(data) < caps.page_bytes


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_members_that_grow(double: Double, registries: Make, oci: Oci, encoding: str) -> None:
    """Many of them come in one piece of the network; what they hold together is bounded there, too."""
    grows = b" " * (1 << 20)
    data = gzip.compress(grows) * 60 if encoding == "gzip" else zlib.compress(grows * 60)
    double.behaviours[PATH] = says(200, data, {"Content-Encoding": encoding})
    made = registries(f"http://{double.authority}", caps=Caps(page_bytes=1 << 20))
    reason, peak = attempt_in_memory(made, oci(double.authority))
    assert reason == "malformed"
    assert peak < 16 << 20
