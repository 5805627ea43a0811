"""`make bench`: the throughput of the transports in one run. It prints; what is too slow is for people to say."""

import os
from pathlib import Path

import pytest

from tests.bench import throughput


@pytest.mark.skipif(os.environ.get("LONG") != "1", reason="a benchmark, with LONG=1")
@pytest.mark.timeout(1_800)
def test_print_the_throughput_of_both_transports(tmp_path: Path) -> None:
    bench = throughput.Bench(tmp_path)
    try:
        throughput.report(bench, rounds=5)
    finally:
        bench.close()
