"""Inboxes in the test's own process: each plays a worker process on the same Redis."""

from tests.transport.transport_harness import Server
from worker.transport.inbox import Inbox
from worker.transport.options import Options

QUEUE, SHARED = "q.commands", "q.queries"
LEASE_S = 0.5


def open_inbox(server: Server, renews: bool = True, **options: object) -> Inbox:
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
