"""Inboxes in the test's own process: each plays a worker process on the same Redis."""

from collections.abc import Callable

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts._redis.connect import NamingRedis
from tests.support.servers import RedisServer, wait_until
from tests.transport.elements import elements
from worker.lua import Call
from worker.transport.delivery import Delivery
from worker.transport.group import Group
from worker.transport.inbox import Inbox
from worker.transport.options import Options
from worker.transport.state import QueueState

QUEUE, SHARED = "q.commands", "q.queries"
LEASE_S = 0.25
PATIENCE_S = 60.0
"""How long a takeover is waited for; `tests.transport.test_protections` waits for less where none comes."""

MakeInbox = Callable[..., Inbox]


def open_inbox(server: RedisServer, renews: bool = True, **options: object) -> Inbox:
    """With ``renews=False`` the inbox does not renew its leases, as when its process is stopped or dead."""
    settings = {"exclusive": (QUEUE, QUEUE + ".*"), "shared": (SHARED,), "lease_s": LEASE_S, **options}
    connection = {"host": "127.0.0.1", "port": server.port, "db": 0}
    inbox = Inbox(connection, Options(**settings))  # type: ignore[arg-type]
    if not renews:
        freeze(inbox)
    return inbox


def freeze(inbox: Inbox) -> None:
    """The event loop stands still from now on."""
    inbox._renewal.last_beat = -1e9


def take(inbox: Inbox, queue: str = QUEUE, most: int = 1) -> Group | None:
    """Pop up to ``most`` messages."""
    return inbox.exchange(inbox.leases.begin(queue), most)


def must_take(inbox: Inbox, queue: str = QUEUE, most: int = 1) -> Group:
    group = take(inbox, queue, most)
    assert group is not None
    return group


def pop(inbox: Inbox, queue: str = QUEUE) -> Delivery | None:
    """Pop one message."""
    group = take(inbox, queue)
    return group.deliveries[0] if group else None


def must_pop(inbox: Inbox, queue: str = QUEUE) -> Delivery:
    return must_take(inbox, queue).deliveries[0]


def take_over_group(inbox: Inbox, queue: str = QUEUE, most: int = 1) -> Group:
    """Pop as soon as a lease has run out."""
    return wait_until(lambda: take(inbox, queue, most), PATIENCE_S, "a takeover")


def take_over(inbox: Inbox, queue: str = QUEUE) -> Delivery:
    """Pop one message as soon as a lease has run out."""
    return take_over_group(inbox, queue).deliveries[0]


def raws(group: Group | None) -> list[bytes]:
    """The messages of a group, in its order."""
    return [delivery.raw for delivery in group.deliveries] if group else []


def rest(client: redis.Redis, queue: str = QUEUE) -> list[bytes]:
    """What is on the list, in the order in which it will be popped."""
    return elements(client, queue)[::-1]


def lose_reply(inbox: Inbox, state: QueueState, most: int = 1) -> None:
    """Redis carries out one pop, and its reply does not arrive."""
    real = inbox._send

    def lose(call: Call | None) -> None:
        real(call)
        raise redis.ConnectionError("lost on the way")

    inbox._send = lose  # type: ignore[method-assign, assignment]
    with pytest.raises(redis.ConnectionError):
        inbox.exchange(state, most)
    inbox._send = real  # type: ignore[method-assign]


def lose_connection(inbox: Inbox) -> Callable[[], None]:
    """Redis is away for the inbox until what is returned is called."""
    good = inbox.client
    inbox.client = NamingRedis(port=1, retry=Retry(NoBackoff(), 0))

    def mend() -> None:
        inbox.client.close()
        inbox.client = good

    return mend
