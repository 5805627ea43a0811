"""Protections of the transport, each to be taken out: in this process, or in a worker's by TEST_WITHOUT."""

import os
import time
from collections.abc import Iterable

from redis.exceptions import ResponseError

from tests.support.seams import Protection, Replace, script
from worker.transport import channel, inbox, renewal, scripts
from worker.transport.group import Group
from worker.transport.inbox import Inbox
from worker.transport.state import QueueState
from worker.transport.unacked import Unacked
from worker.transport.wakeup import Wakeup


def _pop_not_atomic(replace: Replace) -> None:
    """The message is off the list before it is in the unacked record, as in the stock transport."""
    atomic = Inbox.exchange

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        raw = self.client.rpop(state.keys.queue)
        if isinstance(raw, bytes):
            # Told, and held for long enough to be killed just here. What was told stays told: a busy machine
            # may look for it after the hold, or after another owner's.
            self.client.rpush("test.between", os.getpid())
            time.sleep(3)
            self.client.rpush(state.keys.queue, raw)
        return atomic(self, state, most)

    replace(Inbox, "exchange", exchange)


def _new_tag_every_time(replace: Replace) -> None:
    """A pop whose reply got lost is not asked for again."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        state.asked = 0
        return shipped(self, state, most)

    replace(Inbox, "exchange", exchange)


def _one_tag_for_all_queues(replace: Replace) -> None:
    """What one queue did not answer is asked of the next one."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        state.asked, state.asked_most = max(self._number, 1), most
        self._number = state.asked
        group = shipped(self, state, most)
        if group is not None:
            self._number += most
        return group

    replace(Inbox, "exchange", exchange)


def _any_bytes(replace: Replace) -> None:
    """A group may be of any size."""
    replace(inbox, "GROUP_BYTES", 10**12)


def _numbers_of_the_new_question(replace: Replace) -> None:
    """What is asked again may use as many numbers as there is room for now."""
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        state.asked_most = most
        return shipped(self, state, most)

    replace(Inbox, "exchange", exchange)


def _back_in_the_order_taken(replace: Replace) -> None:
    """What goes back is pushed to the head in the order in which it was taken."""

    def give_back(self: Group) -> None:
        for delivery in self.unsettled:
            delivery.give_back()

    replace(Group, "give_back", give_back)


def _load_what_is_missing(replace: Replace) -> None:
    """Redis is given no script before it is asked for."""
    replace(scripts, "_EVERY", ())


def _take_while_in_hand(replace: Replace) -> None:
    """Messages of an exclusive queue are taken while others are in hand."""

    def holds(self: Unacked, queues: Iterable[str]) -> bool:
        return False

    replace(Unacked, "holds", holds)


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


def _ask_for_no_rights(replace: Replace) -> None:
    """A script that moves messages does not ask whether its user may do all of it."""
    for name in ("POP", "POP_SHARED", "SETTLE", "PARK", "RELEASE", "RELEASE_SHARED"):
        script(name, "ask_for_no_rights")(replace)


def _needs_memory(replace: Replace) -> None:
    """Scripts begin with whatever they write first."""
    for name in (
        "POP",
        "POP_SHARED",
        "NOTE_WAIT",
        "RENEW",
        "RENEW_SHARED",
        "RAISE",
        "RELEASE",
        "RELEASE_SHARED",
    ):
        script(name, "begin_with_what_needs_memory")(replace)


PROTECTIONS: dict[str, Protection] = {
    "ask_for_no_rights": _ask_for_no_rights,
    "restore_in_reverse": script("POP", "restore_in_reverse"),
    "restore_to_the_tail": script("POP", "restore_to_the_tail"),
    "no_lease": script("POP", "no_lease"),
    "never_push_back": script("POP", "never_push_back"),
    "keep_leftovers": script("POP", "keep_leftovers"),
    "believe_any_clock": script("POP", "believe_any_clock"),
    "no_mark": script("POP", "no_mark"),
    "epoch_stands_still": script("POP", "epoch_stands_still"),
    "believe_any_epoch": script("POP", "believe_any_epoch"),
    "raise_to_any_epoch": script("RAISE", "believe_any_epoch"),
    "no_death_count": script("POP", "no_death_count"),
    "waiting_counts": script("POP", "waiting_counts"),
    "every_death_counts": script("POP", "every_death_counts"),
    "never_alone": script("POP", "never_alone"),
    "forget_what_was_handed_out": script("POP", "forget_what_was_handed_out"),
    "ack_by_anyone": script("ACK", "settle_by_anyone"),
    "raise_by_anyone": script("RAISE", "raise_by_anyone"),
    "no_size_limit": script("POP", "no_size_limit"),
    "keep_all_of_large": script("POP", "keep_all_of_large"),
    "park_any_number": script("POP", "park_any_number"),
    "park_by_anyone": script("PARK", "raise_by_anyone"),
    "needs_memory": _needs_memory,
    "no_sweep": script("POP_SHARED", "no_sweep"),
    "pop_not_atomic": _pop_not_atomic,
    "new_tag_every_time": _new_tag_every_time,
    "one_tag_for_all_queues": _one_tag_for_all_queues,
    "any_bytes": _any_bytes,
    "numbers_of_the_new_question": _numbers_of_the_new_question,
    "back_in_the_order_taken": _back_in_the_order_taken,
    "load_what_is_missing": _load_what_is_missing,
    "take_while_in_hand": _take_while_in_hand,
    "always_renew": _always_renew,
    "never_renew": _never_renew,
    "no_recheck": _no_recheck,
    "no_tracking": _no_tracking,
}
"""By name; what is called after a script's function is in `tests/support/lua`."""
