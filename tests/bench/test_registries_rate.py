"""Images a second through `Registries`, beside a bare loop of requests with as many connections.

Run by `LONG=1 make test T=tests/bench N=0`. The registry runs in a process of its own; the two ways take turns
in one run, so that both see the same machine, and the median of their ratios counts. At least 0.7 is asked for.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest
import requests

from tests.registries.double import Double, says
from worker.domain.image import ImageRef
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries.registries import Registries

IMAGES, CONNECTIONS, ROUNDS = 300, 4, 9
TAGS = [f"1.{n // 10}.{n % 10}" for n in range(100)]


def serve(ready: Connection) -> None:
    with Double() as double:
        double.before = lambda handler: says(200, {"name": "app", "tags": TAGS})(handler) is None
        ready.send(double.authority)
        ready.recv()


def rate(one: Callable[[int], int]) -> float:
    """Images a second."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        started = time.perf_counter()
        assert set(pool.map(one, range(IMAGES))) == {len(TAGS)}
        return IMAGES / (time.perf_counter() - started)


@pytest.mark.skipif(not os.environ.get("LONG"), reason="a benchmark, with LONG=1")
def test_images_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    authority = ours.recv()
    ratios, lines = [], []
    try:
        allowed = AllowedRegistries.parse(f"http://{authority}")
        with Registries(allowed) as registries, requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))

            def through_registries(number: int) -> int:
                return len(registries.fetch(ImageRef("OCI", authority, f"team/app-{number}")).tags)

            def bare(number: int) -> int:
                url = f"http://{authority}/v2/team/app-{number}/tags/list?n=1000"
                return len(session.get(url, timeout=10).json()["tags"])

            for _ in range(ROUNDS):
                mine, plain = rate(through_registries), rate(bare)
                ratios.append(mine / plain)
                lines.append(
                    f"registries {mine:6.0f}/s   bare requests {plain:6.0f}/s   ratio {ratios[-1]:.2f}"
                )
    finally:
        ours.send(None)
        server.join(10)
    with capsys.disabled():
        print("\n" + "\n".join(lines) + f"\nmedian ratio {statistics.median(ratios):.2f}")  # noqa: T201  # figures are for a person
    assert statistics.median(ratios) >= 0.7
