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
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from redis import Redis

import worker.transport.channel
from tests.support.seams import replace
from worker.domain.events import Subject
from worker.domain.record import Record
from worker.events.publish import Publisher
from worker.events.rejections import Refusal
from worker.events.sweep import Sweep
from worker.lua import Call
from worker.plugins.write import Writer
from worker.store.plugins import GuardedWrite, Plugins
from worker.tasks.announce import Announcer
from worker.tasks.answers import Answer
from worker.transport import scripts
from worker.transport.delivery import Delivery
from worker.transport.group import Group
from worker.transport.inbox import Inbox
from worker.transport.state import QueueState

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

#: In the order in which a group passes them; those that are passed once for each message or command of it are
#: among `OF_EACH`.
OF_A_COMMAND = (
    "after_pop",
    "after_decode",
    "before_read",
    "after_decide",
    "before_write",
    "after_write",
    "before_publish",
    "amid_publish",
    "after_publish",
    "before_reply",
    "after_reply",
    "before_ack",
    "before_settle",
    "between_settle_and_pop",
    "after_settle",
)
OF_EACH = ("after_decode", "after_decide", "before_ack")
#: What a group that had a miss passes the second time, or only then.
OF_A_MISS = ("after_second_read", "after_decide", "before_write", "after_write")
OF_A_SWEEP = ("sweep_after_read", "sweep_after_publish", "sweep_before_clear", "sweep_after_clear")
OF_A_TAKEOVER = ("after_takeover", "after_raise_fence")
#: Between the pieces of what is one pipeline: it is sent in pieces while one of them is armed.
_IN_A_PIPELINE = frozenset({"amid_publish", "after_publish", "before_reply"})


def is_armed(*points: str) -> bool:
    """Whether the test waits for the process to pass one of these points."""
    try:
        return Path(os.environ["TEST_POINT"]).read_text().split()[:1] in [[point] for point in points]
    except FileNotFoundError:
        return False


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
    return bool(inbox.unacked.pending)


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
    _wrap(Plugins, "raise_fences", after="after_raise_fence")
    _wrap(Delivery, "ack", before="before_ack")
    _wrap(Inbox, "_send", before="before_settle", after="after_settle", when=_has_settlements)
    _wrap(Publisher, "publish_many", after="sweep_after_publish", when=_is_publishing_by_sweep)
    _wrap(Plugins, "clear", before="sweep_before_clear", after="sweep_after_clear", when=_is_clearing)
    _wrap_miss()
    _wrap_pipeline()
    _wrap_settlement()


def _wrap_miss() -> None:
    """Puts a point behind the read that follows a write that missed."""
    write, read = Plugins.write_many, Plugins.read_many

    def write_many(self: Plugins, writes: Sequence[GuardedWrite], now: datetime) -> bool:
        done = write(self, writes, now)
        _here.missed = not done
        return done

    def read_many(self: Plugins, keys: Iterable[str]) -> dict[str, Record]:
        records = read(self, keys)
        if getattr(_here, "missed", False):
            _here.missed = False
            reach("after_second_read")
        return records

    replace(Plugins, "write_many", write_many)
    replace(Plugins, "read_many", read_many)


def _wrap_pipeline() -> None:
    """Puts points around the pipeline of events and answers, and between the pieces of it."""
    shipped = Announcer.send

    def send(
        self: Announcer, subjects: Sequence[Subject], answers: Sequence[Answer], refusals: Sequence[Refusal]
    ) -> None:
        reach("before_publish")
        if is_armed(*_IN_A_PIPELINE):
            # Redis carries out a pipeline command by command, and may have got only the first of them.
            shipped(self, subjects[:1], (), ())
            if len(subjects) > 1:
                reach("amid_publish")
            shipped(self, subjects[1:], (), ())
            if subjects:
                reach("after_publish")
            reach("before_reply")
            subjects = ()
        shipped(self, subjects, answers, refusals)
        reach("after_reply")

    replace(Announcer, "send", send)


def _wrap_settlement() -> None:
    """Puts a point between the settlement and the pop that is sent with it."""
    shipped = scripts.run_all

    def run_all(client: Redis, calls: Sequence[Call]) -> list[Any]:
        if len(calls) < 2 or not is_armed("between_settle_and_pop"):
            return shipped(client, calls)
        settled = shipped(client, calls[:-1])
        reach("between_settle_and_pop")
        return settled + shipped(client, calls[-1:])

    replace(scripts, "run_all", run_all)


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

    def exchange(self: Inbox, state: QueueState, most: int) -> Group | None:
        epoch = state.epoch
        group = shipped(self, state, most)
        if group is not None and state.exclusive:
            if state.epoch != epoch and group.deliveries[0].redelivered:
                reach("after_takeover")
            reach("after_pop")
        return group

    replace(Inbox, "exchange", exchange)
