"""The size of messages: one command, and any number of writes as batches."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from contracts.commands import MAX_BATCH, MAX_BATCH_PER_PLUGIN
from contracts.errors import InvalidParameter
from contracts.partition import address, partition, queue_name
from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES

MAX_FRAME_BYTES = 3_000_000
"""The largest batch, in bytes of JSON: on the queue, in base64 and with its envelope, it may have 4 MiB."""

MAX_EXPIRES_S = 1e9
"""The longest time in which a command may expire, in seconds: about 31 years."""


@dataclass(slots=True)
class Frame:
    """One batch to send: its queue, its items, their number for each plugin, and its size in bytes.

    ``begun_at``: when its first command was read, in monotonic seconds.
    """

    queue: str
    items: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    size: int = 0
    begun_at: float = field(default_factory=time.monotonic)

    def has_room(self, where: tuple[str, str], size: int) -> bool:
        """Return whether another command of ``size`` bytes for the plugin ``where`` fits the batch."""
        return (
            len(self.items) < MAX_BATCH
            and self.counts.get(where, 0) < MAX_BATCH_PER_PLUGIN
            and (not self.items or self.size + size <= MAX_FRAME_BYTES)
        )

    def add(self, item: dict[str, Any], where: tuple[str, str], size: int) -> None:
        """Add a command to the batch."""
        self.items.append(item)
        self.counts[where] = self.counts.get(where, 0) + 1
        self.size += size


def frames_of(items: Iterable[dict[str, Any]], partitions: int) -> list[Frame]:
    """Return batches of ``items`` that fit the limits: one partition, 500 items, 50 items for one plugin, 3
    MB.

    The order of the commands of each plugin is kept.
    """
    return list(fill_frames(items, partitions, inf))


def fill_frames(items: Iterable[dict[str, Any]], partitions: int, max_age_s: float) -> Iterator[Frame]:
    """Yield the batches of ``frames_of`` as the items are read, each as soon as it has no room for the next
    item, or is older than ``max_age_s``.
    """
    # The oldest first.
    filling: dict[str, Frame] = {}
    for item in items:
        where = address(item["operation"], item["params"])
        queue = queue_name(partition(*where, partitions), partitions)
        size = len(json.dumps(item)) + 2
        if queue in filling and not filling[queue].has_room(where, size):
            yield filling.pop(queue)
        filling.setdefault(queue, Frame(queue)).add(item, where, size)
        while filling and time.monotonic() - (oldest := next(iter(filling.values()))).begun_at >= max_age_s:
            yield filling.pop(oldest.queue)
    yield from filling.values()


def too_large(frame: Frame) -> list[dict[str, Any]]:
    """Return the outcome of a command that has a batch for itself and is larger than a batch may be."""
    refusal = InvalidParameter(
        f"the command has {frame.size} bytes; a batch may have at most {MAX_FRAME_BYTES}",
        details={"path": "", "reason": "oversize"},
    )
    return [{"id": item["id"], "error": refusal.as_dict()} for item in frame.items]


def check_expires(expires_s: float | None) -> None:
    """Refuse a time that leads to no date.

    Raises: ``InvalidParameter`` for more than ``MAX_EXPIRES_S``, or NaN.
    """
    if expires_s is not None and not abs(expires_s) <= MAX_EXPIRES_S:
        raise InvalidParameter(
            f"a command must expire within {MAX_EXPIRES_S:.0f} s, not {expires_s:g} s",
            details={"path": "expires"},
        )


def check_size(task: str, params: Mapping[str, Any]) -> None:
    """Refuse a command that is larger than a worker accepts.

    Raises: ``InvalidParameter``.
    """
    try:
        size = len(json.dumps(dict(params), default=str))
    except (RecursionError, ValueError):
        # Its size is not the problem: Celery, or the worker, says what is.
        return
    limit = MAX_BATCH_BYTES if task == "plugin.batch" else MAX_COMMAND_BYTES
    # In base64, as Celery sends it.
    if size * 4 // 3 > limit:
        raise InvalidParameter(
            f"the command has {size * 4 // 3} bytes in base64, at most {limit} are allowed",
            details={"path": "", "reason": "oversize"},
        )
