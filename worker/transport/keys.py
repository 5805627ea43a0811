"""The Redis keys of a queue, for access rules and operators.

==========================  ======  =========================================================================
key                         type    what it holds
==========================  ======  =========================================================================
``{queue}``                 list    messages as stock publishers write them, newest left, head right
``{queue}\\x06\\x16{3,6,9}``  list    the same for the other priorities
``{queue}:lease``           hash    ``owner``, ``epoch``, ``until`` (ms, Redis time); exclusive queues
``{queue}:consumers``       zset    consumer -> alive until (ms, Redis time); shared queues
``{queue}:unacked``         hash    ``{owner}:{number}`` -> raw message, handed out and not settled
``{queue}:waiting``         set     tags of unacked messages that had to wait: deaths do not count
``{queue}:returned``        hash    SHA-1 of a message that was handed out before -> deaths; 0: it was given
                                    back or had to wait; -1: its process died with a group
``{queue}:doorbell``        string  exists for a second after a lease was released
``{queue}:poison``          list    parked messages, newest left, see :mod:`worker.transport.parked`
==========================  ======  =========================================================================
"""

from dataclasses import dataclass

SEPARATOR = "\x06\x16"
PRIORITY_STEPS = (0, 3, 6, 9)


def poison_key(queue: str) -> str:
    """Return the key of a queue's parked messages."""
    return f"{queue}:poison"


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue. ``lists``: by priority, the first one is read first."""

    queue: str
    lists: tuple[str, ...]
    lease: str
    consumers: str
    unacked: str
    waiting: str
    returned: str
    doorbell: str
    poison: str

    @classmethod
    def of(cls, queue: str) -> "QueueKeys":
        """Return the keys of ``queue``."""
        return cls(
            queue=queue,
            lists=tuple(f"{queue}{SEPARATOR}{step}" if step else queue for step in PRIORITY_STEPS),
            lease=f"{queue}:lease",
            consumers=f"{queue}:consumers",
            unacked=f"{queue}:unacked",
            waiting=f"{queue}:waiting",
            returned=f"{queue}:returned",
            doorbell=f"{queue}:doorbell",
            poison=poison_key(queue),
        )
