"""Everything is killed at random, while a ledger of its own keeps what was sent.

`SEED=n` repeats a run (its traffic and its injuries, as far as time allows), `LONG=1` makes it a long one.
"""

import os
import random
import sys
from pathlib import Path

import pytest

from tests.chaos import run

LONG = os.environ.get("LONG") == "1"
COMMANDS, KILLS = (10_000, 67) if LONG else (2_000, 15)


@pytest.mark.chaos
@pytest.mark.timeout(800)
@pytest.mark.parametrize("groups", ["small", "large", "mixed"] if LONG else ["mixed"])
def test_every_command_has_one_effect_in_order_whatever_is_killed(tmp_path: Path, groups: str) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    deadly, limit_s = (1, 490) if LONG else (0, 600)
    report = run.run(tmp_path, seed, COMMANDS, KILLS, deadly=deadly, limit_s=limit_s, groups=groups)
    sys.stdout.write("\n" + "\n".join(report.lines()) + "\n")

    report.assert_clean()

    assert report.commands >= COMMANDS
    assert report.tally.kills >= KILLS
