"""A hundred thousand images: fresh in time, asked for once, no registry above its budget."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from redis import Redis

from tests.support.clock import START
from tests.versions.fleet import LATENCY_S, LEASE_S, TICK_S, Fleet
from worker.registries import Limit
from worker.store.client import connect_mongodb

IMAGES = 100_000
HOSTS = 10
LIMIT = Limit(4.0, 3)
FROZEN = 4
SPAN_S = 20.0


@pytest.fixture
def fleet(redis_url: str, mongodb_url: str) -> Iterator[Fleet]:
    """100,000 images at ten registries: 2.8 become due a second at each, which may be asked four times."""
    database = connect_mongodb(mongodb_url)
    with database.client, Redis.from_url(redis_url) as redis:
        fleet = Fleet(database, redis, images=IMAGES, hosts=HOSTS, limit=LIMIT)
        yield fleet
        fleet.time.close()


def assert_within_budget(fleet: Fleet) -> None:
    for host in fleet.hosts:
        times = fleet.ledger.requests[host]
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
        assert min(gaps, default=1) > 1 / LIMIT.rate - 0.001
        assert fleet.ledger.most[host] <= LIMIT.at_once


def first_due(fleet: Fleet, span_s: float) -> dict[str, datetime]:
    """Every image that is due within ``span_s`` of the start, and when."""
    query = {"next_refresh_at": {"$lte": START + timedelta(seconds=span_s)}}
    return {
        d["_id"]: d["next_refresh_at"] for d in fleet.database["images"].find(query, {"next_refresh_at": 1})
    }


def test_every_image_in_time_and_once_with_two_beats_and_workers_that_die(fleet: Fleet) -> None:
    due = first_due(fleet, SPAN_S)
    assert len(due) > 500
    early = sorted(due, key=lambda key: due[key])[:200]
    fleet.frozen = set(early[::50])
    dying = set(fleet.frozen)
    fleet.beat()
    fleet.beat()
    fleet.time.run(SPAN_S + TICK_S + 5)

    assert_within_budget(fleet)
    asked = fleet.ledger.asked
    assert dying < asked.keys()
    late = [(asked[key][0] - due[key]).total_seconds() for key in due if key in asked]
    stuck = len(due) - len(late)
    assert stuck <= FROZEN * 20  # what a dead worker had claimed waits for its lease to lapse
    assert max(late) < TICK_S + 20 / LIMIT.rate + LATENCY_S
    assert all(len(times) == 1 for times in asked.values())

    fleet.time.run(LEASE_S + 2 * TICK_S)
    assert_within_budget(fleet)
    assert set(due) <= asked.keys()
    assert {key for key, times in asked.items() if len(times) > 1} == dying
    assert all(len(times) <= 2 for times in asked.values())
    told = fleet.publisher.revisions
    assert set(told) >= set(due)
    assert all(revisions == [1] for revisions in told.values())


def test_an_hour_without_a_beat_is_caught_up_within_the_budgets(fleet: Fleet) -> None:
    fleet.time.run(3_600)
    fleet.beat()
    fleet.time.run(TICK_S)
    assert fleet.ticks[0] == HOSTS * LIMIT.at_once * 20
    assert_within_budget(fleet)
    for host in fleet.hosts:
        assert len(fleet.ledger.requests[host]) >= LIMIT.rate * TICK_S * 0.9
    assert all(len(times) == 1 for times in fleet.ledger.asked.values())
