"""What would end the event loop of a worker, or keep it from its turns."""

import threading

import pytest

from tests.support.servers import wait_until
from tests.transport.elements import COMMANDS, elements, note
from tests.transport.workers import LEDGER, Service, pongs

ANNOUNCED = {
    "list": b"[1]",
    "number": b"1",
    "null": b"null",
    "string": b'"x"',
    "empty object": b"{}",
    "no properties": b'{"body": "", "headers": {}}',
    "properties a list": b'{"body": "", "headers": {}, "properties": []}',
    "no delivery tag": b'{"body": "e30=", "headers": {}, "properties": {"body_encoding": "base64"}}',
    "body a number": b'{"body": 1, "headers": {}, "properties": {"delivery_tag": "1", "delivery_info": {}}}',
    "unknown type": b'{"__type__": "x", "__value__": 1}',
    "not utf-8": b"\xff",
    "too deep": b"[" * 20_000 + b"]" * 20_000,
}


@pytest.mark.parametrize("announced", ANNOUNCED.values(), ids=list(ANNOUNCED))
def test_what_is_announced_and_is_no_message_is_dropped(service: Service, announced: bytes) -> None:
    assert service.client.publish("/0.celery.pidbox", announced) == 1
    service.push(note(7))
    assert pongs(service.server.url) == [{"ok": "pong"}]
    wait_until(lambda: elements(service.client, LEDGER) == [b"7"], what="it to run")
    assert service.worker.running
    assert "Connection to broker lost" not in service.output()


def test_a_flood_of_poison_leaves_the_event_loop_its_turns(service: Service) -> None:
    client, ended = service.client, threading.Event()

    def pour() -> None:
        while not ended.is_set():
            if client.llen(COMMANDS) < 5_000:
                client.lpush(COMMANDS, *[b"[1]"] * 5_000)

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        wait_until(lambda: client.llen(f"{COMMANDS}:poison"), what="the first to be parked")
        assert pongs(service.server.url)
    finally:
        ended.set()
        pouring.join()
    assert service.worker.running
