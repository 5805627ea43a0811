"""Everything is killed at random, while a ledger of its own keeps what was sent.

`SEED=n` repeats a run (its traffic and its injuries, as far as time allows), `LONG=1` makes it a long one,
beside the stock transport with the same seed.
"""

import os
import random
import sys
from pathlib import Path

import pytest

from tests.chaos import run

LONG = os.environ.get("LONG") == "1"


@pytest.mark.chaos
@pytest.mark.timeout(1_600 if LONG else 800)
def test_every_command_has_one_effect_in_order_whatever_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    if LONG:
        report = run.run(tmp_path / "lossless", seed, 30_000, 200, deadly=2, limit_s=1_440)
    else:
        report = run.run(tmp_path / "lossless", seed, 2_000, 15, limit_s=600)
    sys.stdout.write("\n" + "\n".join(report.lines()) + "\n")

    report.assert_clean()

    assert report.commands >= (30_000 if LONG else 2_000)
    assert report.tally.kills >= (200 if LONG else 15)


@pytest.mark.chaos
@pytest.mark.timeout(400)
@pytest.mark.skipif(not LONG, reason="a comparison, with LONG=1")
def test_the_stock_transport_loses_what_ours_does_not(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    for stock in (False, True):
        report = run.run(tmp_path / f"stock-{stock}", seed, 2_000, 20, stock=stock, limit_s=170)
        sys.stdout.write("\n" + "\n".join(report.lines()) + "\n")
        assert any(report.found.counts().values()) is stock
