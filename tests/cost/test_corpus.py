"""No message holds a thread for more than a second, or 200 MB. The limits are the promise, so time is asserted:
the processor time of the one thread, which is the same on a busy machine.
"""

import itertools
import logging

import pytest

from tests.cost.conftest import Process, measured, slowness
from tests.cost.corpus import NAMES, sent

logger = logging.getLogger(__name__)
MOST_S = 1.0
MOST_MB = 200.0
TRIES = 3
"""What others do on the machine only adds to the time of a message: the least of some counts."""

_numbers = itertools.count(1)


@pytest.mark.parametrize("name", NAMES)
def test_a_message_costs_little(process: Process, name: str) -> None:
    tries = (_is_quick(process, name) for _ in range(TRIES))
    assert any(tries), "the log tells what it took"


def _is_quick(process: Process, name: str) -> bool:
    queue, raw = sent(name, next(_numbers))
    before = slowness()
    with measured() as spent:
        answer = process.carry_out(raw, queue)
    summary = f"{len(raw) >> 10} KiB, {spent.seconds:.3f} s, {spent.megabytes:.0f} MB: {answer[:100]}"
    logger.info("%s: %s", name, summary)
    # What is refused at the door costs nothing, and proves nothing.
    assert "does not belong" not in answer
    assert "are allowed" not in answer or "the message has" not in answer
    # Each time: a second try would find the memory of the first one.
    assert spent.megabytes <= MOST_MB
    # A busy machine gets as much more as it is slower, and no good machine gets less.
    return spent.seconds <= MOST_S * max(before, slowness())
