"""Protections taken out, in this process (tests) or in a worker's (TEST_SUBSTITUTIONS)."""

import os
import time
from collections.abc import Callable
from typing import Any

from redis.exceptions import ResponseError

from worker.transport import channel as transport
from worker.transport import renewal, scripts
from worker.transport.inbox import Inbox
from worker.transport.scripts import Script
from worker.transport.wakeup import Wakeup

Setter = Callable[[Any, str, Any], None]

#: name -> script, what it says, what it says without the protection
_TEXTS = {
    "restore_in_reverse": ("POP", "count(a) > count(b)", "count(a) < count(b)"),
    "restore_to_the_tail": ("POP", "redis.call('RPUSH', list, raw)", "redis.call('LPUSH', list, raw)"),
    "no_lease": ("POP", "if lease[1] ~= ARGV[1] then", "if not lease[1] then"),
    "never_push_back": ("POP", "push_back(KEYS[2], KEYS[3], KEYS[4], KEYS[6], every_tag, true)", ""),
    "keep_strays": ("POP", "elseif redis.call('HLEN', KEYS[2]) > #ARGV - 5 then", "elseif false then"),
    "believe_any_clock": ("POP", "until_ms - now <= 300000", "true"),
    "no_mark": ("POP", "text(now_ms()) .. ' ' .. mark", "text(1)"),
    "epoch_stands_still": ("POP", "epoch = math.max(epoch + 1, now)", ""),
    "no_death_count": ("POP", "'HINCRBY', returned, digest, 1", "'HSET', returned, digest, 0"),
    "waiting_counts": ("POP", "redis.call('SISMEMBER', waiting, tag) == 0", "true"),
    "settle_by_anyone": ("SETTLE", "redis.call('HDEL', KEYS[2], ARGV[2])", "redis.call('DEL', KEYS[2])"),
    "raise_by_anyone": ("RAISE", "lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2]", "false"),
    "no_size_limit": ("POP", "#raw > max_bytes", "false"),
    "no_sweep": ("POP_SHARED", "if consumer ~= ARGV[1] then", "if false then"),
}


def take_out(name: str, set_attribute: Setter) -> None:
    """Takes the protection ``name`` out, or several, joined by +; ``set_attribute`` is ``setattr``, or pytest's
    which puts it back.
    """
    if "+" in name:
        for each in name.split("+"):
            take_out(each, set_attribute)
    elif name in _TEXTS:
        script, old, new = _TEXTS[name]
        text = getattr(scripts, script).text
        assert old in text
        set_attribute(scripts, script, Script.of(text.replace(old, new)))
    else:
        _PATCHES[name](set_attribute)


def _pop_not_atomic(set_attribute: Setter) -> None:
    """The message is off the list before it is in the unacked record, as in the stock transport."""
    atomic = Inbox.exchange

    def exchange(self: Inbox, state: Any) -> Any:
        raw: Any = self.client.rpop(state.keys.queue)
        if raw is not None:
            # Told, and held for long enough to be killed just here.
            self.client.set("test.between", os.getpid())
            time.sleep(1)
            self.client.delete("test.between")
            self.client.rpush(state.keys.queue, raw)
        return atomic(self, state)

    set_attribute(Inbox, "exchange", exchange)


def _new_tag_every_time(set_attribute: Setter) -> None:
    """A pop whose reply got lost is not asked for again."""
    real = Inbox.exchange

    def exchange(self: Inbox, state: Any) -> Any:
        state.asked = 0
        return real(self, state)

    set_attribute(Inbox, "exchange", exchange)


def _one_tag_for_all_queues(set_attribute: Setter) -> None:
    """What one queue did not answer is asked of the next one."""
    real = Inbox.exchange

    def exchange(self: Inbox, state: Any) -> Any:
        state.asked = max(self._number, 1)
        self._number = state.asked
        delivery = real(self, state)
        if delivery is not None:
            self._number += 1
        return delivery

    set_attribute(Inbox, "exchange", exchange)


def _always_renew(set_attribute: Setter) -> None:
    """Leases are renewed even though the event loop stands still."""
    set_attribute(renewal, "LOOP_ALIVE_S", float("inf"))


def _never_renew(set_attribute: Setter) -> None:
    """Leases are not renewed."""
    set_attribute(renewal, "LOOP_ALIVE_S", -1.0)


def _no_recheck(set_attribute: Setter) -> None:
    """Nothing but the announcement of a change wakes an idle worker."""
    set_attribute(transport, "RECHECK_S", 3600.0)


def _no_tracking(set_attribute: Setter) -> None:
    """A Redis that cannot announce changes."""

    def ask(self: Wakeup, *command: str) -> Any:
        raise ResponseError("unknown command 'CLIENT|TRACKING'")

    set_attribute(Wakeup, "_ask", ask)


_PATCHES: dict[str, Callable[[Setter], None]] = {
    "pop_not_atomic": _pop_not_atomic,
    "new_tag_every_time": _new_tag_every_time,
    "one_tag_for_all_queues": _one_tag_for_all_queues,
    "always_renew": _always_renew,
    "never_renew": _never_renew,
    "no_recheck": _no_recheck,
    "no_tracking": _no_tracking,
}
