"""What would end the event loop of a worker, or keep it from its turns."""

import json
import threading

import pytest
from celery import Celery

from tests.transport.transport_harness import task_message, until

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


def answer(server):
    """What the workers answer to a ping, which is served between other turns of the event loop."""
    with Celery(broker=server.url, set_as_current=False) as caller:
        return caller.control.broadcast("ping", reply=True, timeout=60, limit=1)


@pytest.mark.parametrize("announced", ANNOUNCED.values(), ids=list(ANNOUNCED))
def test_what_is_announced_and_is_no_message_is_dropped(client, server, start_worker, announced):
    worker = start_worker(server.url).ready()
    assert client.publish("/0.celery.pidbox", announced) == 1
    client.lpush("test.commands", json.dumps(task_message("test.note", 7)))
    assert [list(one.values()) for one in answer(server)] == [[{"ok": "pong"}]]
    until(lambda: client.lrange("test.ledger", 0, -1) == [b"7"], what="it ran")
    assert worker.alive and not worker.said("Connection to broker lost")


def test_a_flood_of_poison_leaves_the_event_loop_its_turns(client, server, start_worker):
    ended = threading.Event()

    def pour():
        while not ended.is_set():
            if client.llen("test.commands") < 5_000:
                client.lpush("test.commands", *[b"[1]"] * 5_000)

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        worker = start_worker(server.url).ready()
        until(lambda: client.llen("test.commands:poison"), what="the first is parked")
        assert answer(server)
    finally:
        ended.set()
        pouring.join()
    assert worker.alive
