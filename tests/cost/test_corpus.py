"""No message holds a thread for more than a second, or 200 MB. The limits are the promise, so time is asserted:
the processor time of the one thread, which is the same on a busy machine.
"""

import itertools
import logging
from typing import Any

import pytest

from contracts.partition import COMMANDS
from tests.cost.batches import BATCHES
from tests.cost.conftest import Process, measured, slowness
from tests.cost.envelopes import ENVELOPES
from tests.cost.filled import queue_of, raw_of
from tests.cost.reads import READS
from tests.cost.writes import WRITES

logger = logging.getLogger(__name__)
MOST_S = 1.0
MOST_MB = 200.0

_numbers = itertools.count(1)
TASKS = {**WRITES, **BATCHES, **READS}


def apart(kwargs: dict[str, Any], number: int) -> dict[str, Any]:
    """The keyword arguments with other images: what is registered is registered once."""
    if "image" in kwargs and len(kwargs["image"]) < 40:
        return kwargs | {"image": f"{kwargs['image']}-{number}"}
    items = kwargs.get("commands", [])
    if items and isinstance(items[0], dict) and "image" in items[0].get("params", ()):
        return {"commands": [item | {"params": apart(item["params"], number)} for item in items]}
    return kwargs


@pytest.mark.parametrize("name", [*TASKS, *ENVELOPES])
def test_a_message_costs_little(process: Process, name: str) -> None:
    number = next(_numbers)
    if name in ENVELOPES:
        raw, queue = ENVELOPES[name](), COMMANDS
    else:
        task, kwargs = TASKS[name]()
        queue = queue_of(task)
        raw = raw_of(task, apart(kwargs, number), f"cost-{number}")
    before = slowness()
    with measured() as spent:
        answer = process.carry_out(raw, queue)
    summary = f"{len(raw) >> 10} KiB, {spent.seconds:.3f} s, {spent.megabytes:.0f} MB: {answer[:100]}"
    logger.info("%s: %s", name, summary)
    # A busy machine gets as much more as it is slower, and no good machine gets less.
    most_s = MOST_S * max(before, slowness())
    # What is refused at the door costs nothing, and proves nothing.
    assert "does not belong" not in answer
    assert (spent.seconds <= most_s, spent.megabytes <= MOST_MB) == (True, True), spent
