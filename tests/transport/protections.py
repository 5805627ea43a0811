"""Protections of the transport, each to be taken out: in this process, or in a worker's by TEST_WITHOUT."""

import os
import time

from redis.exceptions import ResponseError

from tests.support.seams import Protection, Replace, script
from worker.transport import channel, renewal
from worker.transport.delivery import Delivery
from worker.transport.inbox import Inbox
from worker.transport.state import QueueState
from worker.transport.wakeup import Wakeup


def _pop_not_atomic(replace: Replace) -> None:
    """The message is off the list before it is in the unacked record, as in the stock transport."""
    atomic = Inbox.exchange

    def exchange(self: Inbox, state: QueueState) -> Delivery | None:
        raw = self.client.rpop(state.keys.queue)
        if isinstance(raw, bytes):
            # Told, and held for long enough to be killed just here.
            self.client.set("test.between", os.getpid())
            time.sleep(1)
            self.client.delete("test.between")
            self.client.rpush(state.keys.queue, raw)
        return atomic(self, state)

    replace(Inbox, "exchange", exchange)


def _new_tag_every_time(replace: Replace) -> None:
    """A pop whose reply got lost is not asked for again."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState) -> Delivery | None:
        state.asked = 0
        return shipped(self, state)

    replace(Inbox, "exchange", exchange)


def _one_tag_for_all_queues(replace: Replace) -> None:
    """What one queue did not answer is asked of the next one."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState) -> Delivery | None:
        state.asked = max(self._number, 1)
        self._number = state.asked
        delivery = shipped(self, state)
        if delivery is not None:
            self._number += 1
        return delivery

    replace(Inbox, "exchange", exchange)


def _always_renew(replace: Replace) -> None:
    """Leases are renewed even though the event loop stands still."""
    replace(renewal, "LOOP_ALIVE_S", float("inf"))


def _never_renew(replace: Replace) -> None:
    """Leases are not renewed."""
    replace(renewal, "LOOP_ALIVE_S", -1.0)


def _no_recheck(replace: Replace) -> None:
    """Nothing but the announcement of a change wakes an idle worker."""
    replace(channel, "RECHECK_S", 3600.0)


def _no_tracking(replace: Replace) -> None:
    """A Redis that cannot announce changes."""

    def ask(self: Wakeup, *command: str) -> object:
        raise ResponseError("unknown command 'CLIENT|TRACKING'")

    replace(Wakeup, "_ask", ask)


PROTECTIONS: dict[str, Protection] = {
    "restore_in_reverse": script("POP", "restore_in_reverse"),
    "restore_to_the_tail": script("POP", "restore_to_the_tail"),
    "no_lease": script("POP", "no_lease"),
    "never_push_back": script("POP", "never_push_back"),
    "keep_leftovers": script("POP", "keep_leftovers"),
    "believe_any_clock": script("POP", "believe_any_clock"),
    "no_mark": script("POP", "no_mark"),
    "epoch_stands_still": script("POP", "epoch_stands_still"),
    "no_death_count": script("POP", "no_death_count"),
    "waiting_counts": script("POP", "waiting_counts"),
    "settle_by_anyone": script("SETTLE", "settle_by_anyone"),
    "raise_by_anyone": script("RAISE", "raise_by_anyone"),
    "no_size_limit": script("POP", "no_size_limit"),
    "no_sweep": script("POP_SHARED", "no_sweep"),
    "pop_not_atomic": _pop_not_atomic,
    "new_tag_every_time": _new_tag_every_time,
    "one_tag_for_all_queues": _one_tag_for_all_queues,
    "always_renew": _always_renew,
    "never_renew": _never_renew,
    "no_recheck": _no_recheck,
    "no_tracking": _no_tracking,
}
"""By name; what is called after a script's function is in `tests/support/lua`."""
