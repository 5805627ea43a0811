"""Each test is in the tier of what it does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.ports import FIRST, LAST, free_port
from tests.support.servers import ROOT, RedisServer
from tests.support.tiers import StartsProcess, is_quick


def test_a_quick_test_starts_no_process(request: pytest.FixtureRequest) -> None:
    assert is_quick(request.node)
    with pytest.raises(
        StartsProcess, match=r"test_a_quick_test_starts_no_process starts a process .* mark it with"
    ):
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_one_that_a_fixture_gives_a_server_is_not_quick(
    request: pytest.FixtureRequest, redis_server: RedisServer
) -> None:
    assert redis_server.running
    assert request.node.get_closest_marker("process")


@pytest.mark.process
def test_one_that_is_marked_may_start_processes() -> None:
    assert (
        subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, check=True).stdout == b"1\n"
    )


def test_a_port_is_given_once() -> None:
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == 100
    assert all(FIRST <= port <= LAST for port in ports)


@pytest.mark.process
def test_a_port_is_given_to_one_test_process() -> None:
    port = free_port()
    program = f"import tests.support.ports as ports; print(ports._reserve({port}))"
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert other.stdout == "False\n"
