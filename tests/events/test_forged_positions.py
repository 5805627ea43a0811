"""What anyone who can write to Redis puts into the hash of positions: no other subject's events wait for it."""

from datetime import timedelta

import pytest

from tests.support.clock import START, FakeClock
from tests.support.stream import Stream
from tests.support.subjects import ChangingSubjects
from worker.events.mark import Mark
from worker.events.publish import Publisher
from worker.events.sweep import Sweep

REVISIONS, FIELD = "plugin.events:revisions", "PluginChanged|d/forged"
NO_POSITIONS = [
    *(
        "",
        "abc",
        "5",
        ":",
        ":x",
        "nan:x",
        "-1:x",
        "1e3:x",
        " 1:x",
        "1.5:x",
        "0x1:x",
        "+1:x",
        "inf:x",
        "\u0661:x",
    ),
    *("9" * 16 + ":x", "9" * 400 + ":x", "1" + "\x00:x"),
]


@pytest.mark.parametrize("forged", [*(text.encode() for text in NO_POSITIONS), b"\xff\xfe", b"1\xff:x"])
def test_what_is_no_position_is_repaired_by_the_next_event(
    subjects: ChangingSubjects, publisher: Publisher, stream: Stream, forged: bytes
) -> None:
    for name in ("d/forged", "d/other"):
        subjects.change(name)
    publisher.publish_many(subjects.load(["d/forged", "d/other"], START))
    stream.client.hset(REVISIONS, FIELD, forged)
    for name in ("d/forged", "d/other"):
        subjects.change(name)

    results = publisher.publish_many(subjects.load(["d/forged", "d/other"], START))

    assert [(result.outcome, result.last) for result in results] == [("ok", 2), ("ok", 2)]
    assert publisher.positions(subjects.event_type, ["d/forged"])[0].revision == 2


@pytest.mark.parametrize("forged", [*(text.encode() for text in NO_POSITIONS), b"\xff\xfe"])
def test_what_is_no_position_is_repaired_by_the_sweep(
    subjects: ChangingSubjects, publisher: Publisher, mark: Mark, stream: Stream, forged: bytes
) -> None:
    for name in ("d/forged", "d/other"):
        subjects.change(name)
    sweep = Sweep([subjects], publisher, mark, clock=FakeClock(START + timedelta(minutes=1)))
    sweep.pending()
    stream.client.hset(REVISIONS, FIELD, forged)
    assert sweep.compare().repaired == 1
    assert sweep.compare().repaired == 0
    assert [change for _, change in stream.changes()][-1] == "resynced"
