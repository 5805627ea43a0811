"""Images a second through `Registries`, beside a bare loop of requests with as many connections.

Run as `python tests/bench/registries.py [--images N] [--connections N]`. The registry runs in a process of
its own; the two ways take turns in one run, so that both see the same machine. At least 0.7 is asked for.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "tests")]  # this folder has modules of the same names

from registries.double import Double, says  # noqa: E402

from worker.domain.allowed_registries import AllowedRegistries  # noqa: E402
from worker.domain.images import ImageRef  # noqa: E402
from worker.registries import Registries  # noqa: E402

TAGS = [f"1.{n // 10}.{n % 10}" for n in range(100)]


def serve(ready: Connection) -> None:
    with Double() as double:
        double.before = lambda handler: says(200, {"name": "app", "tags": TAGS})(handler) is None
        ready.send(double.authority)
        ready.recv()


def rate(images: int, connections: int, one: Callable[[int], int]) -> float:
    with ThreadPoolExecutor(connections) as pool:
        started = time.perf_counter()
        if set(pool.map(one, range(images), chunksize=1)) != {len(TAGS)}:
            raise SystemExit("an image had not all its tags")
        return images / (time.perf_counter() - started)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    authority = ours.recv()
    try:
        allowed = AllowedRegistries.parse(f"http://{authority}")
        with Registries(allowed) as registries, requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=options.connections))

            def through_registries(number: int) -> int:
                return len(registries.fetch(ImageRef("OCI", authority, f"team/app-{number}")).tags)

            def bare(number: int) -> int:
                url = f"http://{authority}/v2/team/app-{number}/tags/list?n=1000"
                return len(session.get(url, timeout=10).json()["tags"])

            ratios = []
            for _ in range(options.rounds):
                mine = rate(options.images, options.connections, through_registries)
                bare_rate = rate(options.images, options.connections, bare)
                ratios.append(mine / bare_rate)
                say(f"registries {mine:6.0f}/s   bare requests {bare_rate:6.0f}/s   ratio {ratios[-1]:.2f}")
            say(f"median ratio {statistics.median(ratios):.2f}")
    finally:
        ours.send(None)
        server.join(10)


if __name__ == "__main__":
    main()
