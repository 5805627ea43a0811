"""Throughput of the lossless transport beside the stock one: no-op tasks, as the commands workers run.

    python tests/transport/bench_transport.py [messages] [pairs]

Pairs in turn, in one run, on one redis-server; without an append-only file, or with BENCH_AOF=yes one that is
written at every command. Prints messages a second and the ratio.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import redis

from tests.transport.transport_harness import Server, Worker, oldest_binary, task_message


def measure(server: Server, folder: Path, transport: str, count: int) -> float:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        with client.pipeline(transaction=False) as pipe:
            for number in range(count):
                pipe.lpush("test.commands", json.dumps(task_message("test.noop", number)))
            pipe.execute()
        environment = {"TEST_TRANSPORT": transport}
        worker = Worker(server.url, folder / "log", "test.commands", environment, "-l", "WARNING")
        try:
            start = first = 0
            while (left := client.llen("test.commands")) > 0:
                # After the first hundred: the worker is warm.
                if not start and left < count - 100:
                    start, first = time.perf_counter(), left
                time.sleep(0.01)
            return first / (time.perf_counter() - start)
        finally:
            worker.process.terminate()
            worker.process.wait()


def main(count: int, pairs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(oldest_binary(), Path(folder))
        try:
            with redis.Redis.from_url(server.url) as client:
                client.config_set("appendonly", os.environ.get("BENCH_AOF", "no"))
            ratios = []
            for _ in range(pairs):
                stock = measure(server, Path(folder), "stock", count)
                ours = measure(server, Path(folder), "lossless", count)
                ratios.append(ours / stock)
                print(  # noqa: T201
                    f"stock {stock:7.0f}/s   lossless {ours:7.0f}/s   ratio {ours / stock:.2f}"
                )
            print(  # noqa: T201
                f"median ratio {statistics.median(ratios):.2f}"
            )
        finally:
            server.kill()


if __name__ == "__main__":
    main(*(int(argument) for argument in [*sys.argv[1:], *["4000", "5"][len(sys.argv) - 1 :]]))
