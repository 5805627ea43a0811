"""Fills messages up to their limit."""

from collections.abc import Callable
from typing import Any

from contracts.partition import COMMANDS, QUERIES
from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES
from tests.support.messages import message

Kwargs = dict[str, Any]
"""The keyword arguments of a task."""

LIMITS = {"plugin.batch": MAX_BATCH_BYTES}


def queue_of(task: str) -> str:
    """The queue of a task."""
    return QUERIES if task in READS else COMMANDS


def raw_of(task: str, kwargs: Kwargs, command_id: str = "cost", **headers: Any) -> bytes:
    """The list element that sends a task."""
    return message(task, kwargs, command_id, queue_of(task), **headers)


READS = frozenset({"plugin.get", "plugin.get_versions", "plugin.list", "plugin.stat"})


def filled(task: str, make: Callable[[int], Kwargs]) -> Kwargs:
    """`make(n)` with the largest n whose message is within its limit, by a straight line through two sizes."""
    limit = LIMITS.get(task, MAX_COMMAND_BYTES)
    first, second = len(raw_of(task, make(1_000))), len(raw_of(task, make(3_000)))
    if second == first:
        # It has a limit of its own.
        return make(3_000)
    per_one = (second - first) / 2_000
    # Numbers grow: where they stand in a name, a longer one costs more.
    count = int(1_000 + (limit - first - 8_000) / per_one)
    while len(raw_of(task, made := make(count))) > limit:
        count = int(count * 0.97)
    return made
