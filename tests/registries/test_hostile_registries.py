"""A corpus of registries at their worst: a failure with one of five words, or a list, and nothing else."""

from __future__ import annotations

import logging
import tracemalloc
from collections.abc import Callable
from typing import get_args

import pytest

from tests.registries.attacks import BASIC, Make, Oci, attempt
from tests.registries.conftest import SECRET
from tests.registries.double import Double
from tests.registries.hostile import HOSTILE
from worker.domain.image import DETAIL_MAX, FailureReason, FetchFailed, ImageRef
from worker.registries import Caps, Credentials
from worker.registries.http import bounds
from worker.registries.registries import Registries

MOST_BYTES = 100 << 20
LARGE = [
    "gzip bomb",
    "200,000 tags",
    "lists in lists",
    "deep",
    "names of 1 MB",
    "numbers",
    "chunks of a byte",
]


@pytest.fixture(autouse=True)
def few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the corpus need not be large: the real number is in test_pieces."""
    monkeypatch.setattr(bounds, "_PIECES", 2_000)


@pytest.mark.parametrize("name", HOSTILE)
def test_it_harms_nobody(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    HOSTILE[name](double, trap)
    # Plain HTTP is allowed to the registry alone: the trap is somewhere inside.
    known = credentials(double.authority)
    made = registries(f"http://{double.authority}", credentials=known, caps=Caps(image_s=10))
    # The second time it is known what the registry demands.
    for _ in range(2 if double.before else 1):
        tags, failed = _fetch(made, oci(double.authority, credential="robot"))
        assert failed is None or failed.reason in get_args(FailureReason)
        assert failed is None or (failed.detail.isprintable() and len(failed.detail) <= DETAIL_MAX)
        assert all(tag.isascii() and tag.isprintable() and len(tag) <= 128 for tag in tags)
        assert len(tags) <= 50_000
    assert trap.asked == []
    assert {*double.authorizations} <= {BASIC, "Bearer t"}
    ours = [record for record in caplog.records if record.name.startswith("worker.")]
    assert all(record.getMessage().isprintable() for record in ours)
    assert SECRET not in caplog.text and BASIC.removeprefix("Basic ") not in caplog.text


def _fetch(made: Registries, ref: ImageRef) -> tuple[tuple[str, ...], FetchFailed | None]:
    try:
        return made.fetch(ref).tags, None
    except FetchFailed as failed:
        return (), failed


@pytest.mark.parametrize("name", LARGE)
def test_it_takes_little_memory(double: Double, trap: Double, registries: Make, oci: Oci, name: str) -> None:
    HOSTILE[name](double, trap)
    made = registries(f"http://{double.authority}")
    tracemalloc.start()
    try:
        attempt(made, oci(double.authority))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES


def test_a_good_registry_is_read_after_all_of_them(
    double: Double, trap: Double, registries: Make, oci: Oci
) -> None:
    made = registries(f"http://{double.authority}", caps=Caps(image_s=10))
    for arm in HOSTILE.values():
        double.before = None
        double.behaviours.clear()
        arm(double, trap)
        attempt(made, oci(double.authority))
    double.before = None
    double.behaviours.clear()
    double.tags["app"] = ["1.0"]
    assert made.fetch(oci(double.authority)).tags == ("1.0",)


def test_the_corpus_is_as_large_as_it_was() -> None:
    assert len(HOSTILE) >= 69
