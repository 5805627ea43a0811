"""Attacks on whoever asks registries: each is tried twice. It fails, and with its guard removed it succeeds."""

from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Callable

import pytest

from tests.registries.conftest import SECRET
from tests.registries.double import Double
from worker.domain.image import FetchFailed, ImageRef
from worker.registries.registries import Registries

Make = Callable[..., Registries]
Oci = Callable[..., ImageRef]
Start = Callable[..., Double]
PATH = "/v2/app/tags/list"
GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "guard-removed"])
BASIC = "Basic " + base64.b64encode(f"robot$ci:{SECRET}".encode()).decode()


def attempt(registries: Registries, ref: ImageRef) -> str:
    """The reason of the failure, also of one behind some pages, or "listed"."""
    try:
        listed = registries.fetch(ref)
    except FetchFailed as failed:
        return failed.reason
    return "listed" if listed.failure is None else listed.failure.reason


def attempt_in_memory(registries: Registries, ref: ImageRef) -> tuple[str, int]:
    """The same, and the most memory that Python took meanwhile, in bytes."""
    tracemalloc.start()
    try:
        reason = attempt(registries, ref)
        return reason, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
