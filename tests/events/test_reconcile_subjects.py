"""Reconciling: what the stream is ahead of goes on above it, whatever the store."""

import pytest
import redis

from tests.support.clock import START
from tests.support.stream import Stream
from tests.support.subjects import ChangingSubjects
from worker.events.publish import Publisher
from worker.events.reconcile import Ahead, Reconcile, Repaired

JIRA = "PluginChanged|d/jira"
TYPE = "spaceone.api.repository.v1.PluginChanged"


@pytest.fixture
def reconcile(subjects: ChangingSubjects, publisher: Publisher, client: redis.Redis) -> Reconcile:
    return Reconcile([subjects], publisher, client)


def test_a_healthy_store_is_left_alone(
    subjects: ChangingSubjects, publisher: Publisher, stream: Stream, reconcile: Reconcile
) -> None:
    subjects.change("d/jira")
    publisher.publish_many(subjects.load(["d/jira"], START))
    subjects.change("d/jira")
    assert list(reconcile.repair()) == []
    assert stream.changes() == [(1, "registered")]


@pytest.mark.parametrize("last", ["5:another", "2:another"], ids=["a higher revision", "another event"])
def test_a_subject_goes_on_above_its_events(
    subjects: ChangingSubjects, stream: Stream, reconcile: Reconcile, last: str
) -> None:
    subjects.change("d/jira")
    subjects.change("d/jira")
    stream.client.hset("plugin.events:revisions", JIRA, last)
    on_stream = int(last[0])
    ahead = Ahead("lift", TYPE, "d/jira", 2, on_stream)
    assert list(reconcile.find()) == [ahead]
    assert stream.entries() == []
    assert list(reconcile.repair()) == [Repaired(ahead, on_stream + 1)]
    assert stream.changes() == [(on_stream + 1, "resynced")]
    assert list(reconcile.find()) == []
    subjects.change("d/jira")
    (subject,) = subjects.load(["d/jira"], START)
    assert [event.revision for event in subject.pending] == [on_stream + 1, on_stream + 2]


def test_an_unknown_subject_keeps_its_revisions_used_up(
    subjects: ChangingSubjects, stream: Stream, reconcile: Reconcile
) -> None:
    stream.client.hset("plugin.events:revisions", JIRA, "3:another")
    ahead = Ahead("hold", TYPE, "d/jira", 0, 3)
    assert list(reconcile.repair()) == [Repaired(ahead, 3)]
    assert list(reconcile.find()) == []
    assert stream.entries() == []
    subjects.change("d/jira")
    (subject,) = subjects.load(["d/jira"], START)
    assert subject.revision == 4
