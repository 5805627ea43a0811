"""What would keep the event loop of a worker from its turns, and what nobody can announce to it."""

import threading

from tests.support.servers import wait_until
from tests.transport.elements import COMMANDS
from tests.transport.workers import Service, heartbeats


def test_a_worker_hears_nothing_that_is_announced(service: Service) -> None:
    assert service.client.pubsub_channels() == []
    assert service.client.pubsub_numpat() == 0


def test_a_flood_of_poison_leaves_the_event_loop_its_turns(service: Service) -> None:
    client, ended = service.client, threading.Event()

    def pour() -> None:
        while not ended.is_set():
            if client.llen(COMMANDS) < 5_000:
                client.lpush(COMMANDS, *[b"[1]"] * 5_000)

    pouring = threading.Thread(target=pour)
    with heartbeats(service) as beats:
        pouring.start()
        try:
            wait_until(lambda: client.llen(f"{COMMANDS}:poison"), what="the first to be parked")
            # Celery sends them from its timer, between other turns of the loop.
            wait_until(lambda: next(beats), what="a heartbeat")
        finally:
            ended.set()
            pouring.join()
    assert service.worker.running
