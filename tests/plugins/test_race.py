"""Processes that race to register the same plugins, past any lease: the store alone decides."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from typing import Any

from contracts import errors
from tests.plugins.writes import register
from tests.support.commands import apply, by
from tests.support.stream import Stream
from worker.services import Services
from worker.settings import Settings

PROCESSES = 8
ROUNDS = 200


def race(number: int, redis_url: str, mongodb_url: str, barrier: Barrier, won: Any) -> None:
    """What one process does: register each plugin at the same moment as the others, and tell what it won."""
    services = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
    mine = []
    for turn in range(ROUNDS):
        barrier.wait(300)
        try:
            apply(services, register(f"acme/p{turn}"), by(f"c-{number}-{turn}"))
        except errors.PluginAlreadyExists:
            continue
        mine.append(turn)
    services.close()
    won.put(mine)


def test_a_race_to_register_has_one_winner(redis_url: str, mongodb_url: str, stream: Stream) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, won = context.Barrier(PROCESSES), context.Queue()
    racers = [
        context.Process(target=race, args=(number, redis_url, mongodb_url, barrier, won))
        for number in range(PROCESSES)
    ]
    for racer in racers:
        racer.start()
    turns = [turn for _ in racers for turn in won.get(timeout=600)]
    for racer in racers:
        racer.join()

    assert sorted(turns) == list(range(ROUNDS))
    assert len(stream.changes()) == ROUNDS
