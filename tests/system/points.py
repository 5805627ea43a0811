"""Named places in the shipped code at which a process ends, or stands still, when a test asks for it.

The test writes `POINT NTH ACTION TOKEN` into the file that TEST_POINT names. The process that passes the point
for the NTH time since then, other processes counted, renames the file to `fired-{ACTION}-{pid}`, so that it
happens once, and does ACTION:
`kill` (SIGKILL), `stop` (SIGSTOP), or `hang`: its thread goes no further, the rest of the process goes on.
"""

import functools
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from celery.backends.base import Backend

import worker.transport.channel
from tests.support.seams import replace
from worker.domain.events import Subject
from worker.events.publish import Publisher
from worker.events.sweep import Sweep
from worker.plugins.write import Writer
from worker.store.plugins import Plugins
from worker.transport.delivery import Delivery
from worker.transport.inbox import Inbox
from worker.transport.state import QueueState

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

#: In the order in which a command passes them.
OF_A_COMMAND = (
    "after_pop",
    "after_decode",
    "before_read",
    "after_decide",
    "before_write",
    "after_write",
    "before_publish",
    "after_publish",
    "before_reply",
    "after_reply",
    "before_ack",
    "before_settle",
    "after_settle",
)
OF_A_SWEEP = ("sweep_after_read", "sweep_after_publish", "sweep_before_clear", "sweep_after_clear")
OF_A_TAKEOVER = ("after_takeover", "after_raise_fence")


def reach(point: str) -> None:
    """The process is at `point`."""
    armed = Path(os.environ["TEST_POINT"])
    try:
        wanted, nth, action, token = armed.read_text().split()
    except (FileNotFoundError, ValueError):
        return
    if wanted != point:
        return
    # On a busy machine the lease may change hands in the middle of a story: every process counts on.
    with armed.with_name(f"passed-{token}").open("ab", buffering=0) as passed:
        passed.write(b".")
        if passed.tell() != int(nth):
            return
    try:
        armed.rename(armed.with_name(f"fired-{action}-{os.getpid()}"))
    except FileNotFoundError:
        return
    if action == "hang":
        threading.Event().wait()
    # Sent to the process, SIGSTOP may be taken by another thread, and this one go on for a moment.
    signal.pthread_kill(threading.get_ident(), SIGNALS[action])


_here = threading.local()


def _is_sweeping(*_: object) -> bool:
    return bool(getattr(_here, "sweeping", False))


def _is_working(*_: object) -> bool:
    return not _is_sweeping()


def _is_publishing_by_sweep(publisher: Publisher, subjects: Sequence[Subject]) -> bool:
    return _is_sweeping() and any(subject.pending for subject in subjects)


def _is_clearing(plugins: Plugins, published: Mapping[str, int]) -> bool:
    return bool(published)


def _has_settlements(inbox: Inbox, *_: object) -> bool:
    return bool(inbox._pending)


def _wrap(
    owner: Any,
    name: str,
    before: str = "",
    after: str = "",
    when: Callable[..., bool] = lambda *_: True,
) -> None:
    """Puts a point before and one after every call of `owner.name` for which `when(*args)`."""
    shipped = getattr(owner, name)

    @functools.wraps(shipped)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        here = when(*args)
        if before and here:
            reach(before)
        result = shipped(*args, **kwargs)
        if after and here:
            reach(after)
        return result

    replace(owner, name, wrapped)


def install() -> None:
    """Puts every point into the shipped code of this process."""
    _wrap_pop()
    _wrap_sweep()
    _wrap(worker.transport.channel, "parse_envelope", after="after_decode")
    for name in ("read", "read_many"):
        _wrap(Plugins, name, before="before_read", when=_is_working)
    _wrap(Writer, "decide", after="after_decide")
    for name in ("write", "write_many"):
        _wrap(Plugins, name, before="before_write", after="after_write")
    _wrap(Plugins, "raise_fence", after="after_raise_fence")
    _wrap(Publisher, "publish_many", before="before_publish", after="after_publish", when=_is_working)
    for name in ("mark_as_done", "mark_as_failure"):
        _wrap(Backend, name, before="before_reply", after="after_reply")
    _wrap(Delivery, "ack", before="before_ack")
    _wrap(Inbox, "_send", before="before_settle", after="after_settle", when=_has_settlements)
    _wrap(Publisher, "publish_many", after="sweep_after_publish", when=_is_publishing_by_sweep)
    _wrap(Plugins, "clear", before="sweep_before_clear", after="sweep_after_clear", when=_is_clearing)


def _wrap_sweep() -> None:
    """Says which thread sweeps, and puts a point before the sweep settles what it has read."""
    shipped = Sweep._settle

    def settle(self: Sweep, *arguments: Any) -> None:
        _here.sweeping = True
        try:
            reach("sweep_after_read")
            shipped(self, *arguments)
        finally:
            _here.sweeping = False

    replace(Sweep, "_settle", settle)


def _wrap_pop() -> None:
    shipped = Inbox.exchange

    def exchange(self: Inbox, state: QueueState) -> Delivery | None:
        epoch = state.epoch
        delivery = shipped(self, state)
        if delivery is not None and state.exclusive:
            if state.epoch != epoch and delivery.redelivered:
                reach("after_takeover")
            reach("after_pop")
        return delivery

    replace(Inbox, "exchange", exchange)
