"""New plugins are told of beside their registration, together where there are many."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.values import MAX_COMMAND_BYTES
from tests.support.servers import wait_until
from worker.tasks.versions import follow_arguments
from worker.versions.follow import Follow


def test_they_are_told_together_and_nothing_waits() -> None:
    told: list[Sequence[Any]] = []
    free = threading.Event()

    def send(plugins: Sequence[Any]) -> None:
        told.append(plugins)
        free.wait(10)

    follow = Follow(send)
    follow(["a"])  # type: ignore[list-item]
    wait_until(lambda: len(told) == 1, 10, "the first one")
    for number in range(1200):
        follow([number])  # type: ignore[list-item]
    free.set()
    follow.stop()
    assert told[0] == ["a"]
    assert [item for part in told[1:] for item in part] == list(range(1200))
    assert max(len(part) for part in told) == 200


def test_as_many_of_the_longest_images_as_are_told_together_fit_a_message() -> None:
    plugin = {
        "registry_type": "GCP_ARTIFACT_REGISTRY",
        "registry_url": "r" * 253 + ":65535",
        "registry_config": {"credential": "c" * 64},
    }
    plugins = [plugin | {"image": f"{number:01024d}"} for number in range(200)]
    size = len(json.dumps([[], follow_arguments(plugins), {}]))
    assert size * 4 / 3 < MAX_COMMAND_BYTES - 10_000, "with the body in base64"


def test_a_failure_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Sequence[Any]] = []

    def send(plugins: Sequence[Any]) -> None:
        told.append(plugins)
        if len(told) == 1:
            raise ConnectionError

    follow = Follow(send)
    follow(["a"])  # type: ignore[list-item]
    wait_until(lambda: len(told) == 1, 10, "the first one")
    follow(["b"])  # type: ignore[list-item]
    follow.stop()
    assert told == [["a"], ["b"]]
    assert "fetched later" in caplog.text


def test_one_that_was_never_told_anything_ends_at_once() -> None:
    Follow(lambda plugins: None).stop()
