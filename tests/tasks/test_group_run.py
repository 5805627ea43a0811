"""A group from its messages to their settlement, on real servers and without a worker around it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import pytest
import redis
from celery import Celery

from tests.plugins.writes import register
from tests.support.commands import apply, by
from tests.support.messages import message
from worker.services import Services
from worker.settings import Settings
from worker.store.plugins import GuardedWrite
from worker.tasks.announce import Announcer
from worker.tasks.answer_store import AnswerStore
from worker.tasks.answers import Answer
from worker.tasks.commands import register_commands
from worker.tasks.groups import GroupRun
from worker.transport import Group
from worker.transport.inbox import Inbox
from worker.transport.options import Options
from worker.transport.protocol import Envelope, MessageLimits, parse_envelope
from worker.transport.request import Request

QUEUE = "plugin.commands"
KEY = "d-1/jira"
APP = Celery("test", set_as_current=False)
register_commands(APP)


@dataclass
class Process:
    """What a worker has for its commands: services, and an inbox that renews no lease."""

    services: Services
    inbox: Inbox

    def take(self) -> Group | None:
        return self.inbox.exchange(self.inbox.leases.begin(QUEUE), 256)

    def carry_out(self, group: Group) -> None:
        requests = []
        for delivery in group.deliveries:
            envelope = parse_envelope(delivery.raw, MessageLimits())
            assert isinstance(envelope, Envelope)
            delivery.envelope = envelope
            task = APP.tasks[envelope.task]
            requests.append(Request(delivery, envelope, app=APP, hostname="test", task=task))
        made = self.services
        announcer = Announcer(made.redis, AnswerStore.of(made), made.publisher, made.rejections)
        GroupRun(made, announcer, group, requests).run()

    def carry_out_all(self) -> None:
        while group := self.take():
            self.carry_out(group)


@pytest.fixture
def process(redis_url: str, mongodb_url: str) -> Iterator[Callable[[], Process]]:
    """Makes processes on the same servers."""
    made: list[Process] = []

    def make() -> Process:
        with redis.Redis.from_url(redis_url) as client:
            connection = client.get_connection_kwargs()
        inbox = Inbox(
            {name: connection[name] for name in ("host", "port", "db")}, Options(exclusive=(QUEUE,))
        )
        inbox._renewal.last_beat = -1e9
        services = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
        made.append(Process(services, inbox))
        return made[-1]

    yield make
    for each in made:
        each.inbox.close()
        each.services.close()


def send(redis_url: str, *messages: tuple[str, dict[str, Any], str]) -> None:
    """Puts ``(task, parameters, command id)`` on the queue."""
    with redis.Redis.from_url(redis_url) as client:
        client.lpush(
            QUEUE, *(message(task, params, command_id, QUEUE) for task, params, command_id in messages)
        )


def update(number: int) -> tuple[str, dict[str, Any], str]:
    return "plugin.update", {"domain_id": "d-1", "plugin_id": "jira", "name": f"n{number}"}, f"c-{number}"


def test_whoever_lost_the_lease_between_two_parts_does_not_begin_the_next_one(
    process: Callable[[], Process], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next owner, which has all parts again, finds that the plugin has forgotten the first one."""
    first, second = process(), process()
    apply(first.services, register(), by("r-1"))
    send(redis_url, *(update(number) for number in range(150)))
    group = first.take()
    assert group is not None
    flush = Group.flush
    taken: list[Group | None] = []

    def flush_late(late: Group) -> None:
        # The process stands still until its lease has run out, and another one has the group.
        if not taken:
            first.services.redis.hset(f"{QUEUE}:lease", "until", 0)
            taken.append(second.take())
        flush(late)

    monkeypatch.setattr(Group, "flush", flush_late)
    first.carry_out(group)
    (again,) = taken
    assert again is not None
    second.carry_out(again)
    second.carry_out_all()
    found = second.services.plugins.read(KEY)
    assert (found.revision, found.plugin and found.plugin.name) == (151, "n149")


class TestLargePlugins:
    """Ten plugins take 20 MiB in the store, and 14 times as much in a process that has them all in hand."""

    NAMES = tuple(f"p{n}" for n in range(10))
    LARGE: ClassVar[dict[str, Any]] = {"tags": {"a": [1] * 170_000}}

    @pytest.fixture
    def worker(self, process: Callable[[], Process]) -> Process:
        made = process()
        for name in self.NAMES:
            apply(made.services, register(f"acme/{name}", **self.LARGE), by(f"r-{name}"))
        return made

    def test_a_group_of_them_is_applied_one_by_one(
        self, worker: Process, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held: list[int] = []
        write_many = worker.services.plugins.write_many

        def noting(writes: Sequence[GuardedWrite], now: datetime) -> bool:
            held.append(len(writes))
            return write_many(writes, now)

        monkeypatch.setattr(worker.services.plugins, "write_many", noting)
        disables = [("plugin.disable", {"domain_id": "d-1", "plugin_id": n}, f"d-{n}") for n in self.NAMES]
        send(redis_url, *disables)
        worker.carry_out_all()
        assert held == [1] * 10
        self.assert_disabled(worker)

    def test_many_answers_of_one_of_them_are_given_one_by_one(
        self, worker: Process, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Three of these plugins fit into one reply, and 105 answers of 340 KiB are 35 MiB."""
        told: list[int] = []
        send_all = Announcer.send

        def noting(self: Announcer, subjects: Any, answers: Sequence[Answer], refusals: Any) -> None:
            told.append(len(answers))
            send_all(self, subjects, answers, refusals)

        monkeypatch.setattr(Announcer, "send", noting)
        verbs = ("disable", "enable")
        send(
            redis_url,
            *(
                (f"plugin.{verbs[n // 3 % 2]}", {"domain_id": "d-1", "plugin_id": f"p{n % 3}"}, f"t-{n}")
                for n in range(105)
            ),
        )
        worker.carry_out_all()
        assert told == [1] * 105
        found = worker.services.plugins.read_all(["d-1/p0", "d-1/p1", "d-1/p2"])
        assert [record.revision for record in found.values()] == [36] * 3

    def test_a_batch_of_them_is_applied_whole(self, worker: Process, redis_url: str) -> None:
        items = [
            {"id": n, "operation": "plugin.disable", "params": {"domain_id": "d-1", "plugin_id": n}}
            for n in self.NAMES
        ]
        send(redis_url, ("plugin.batch", {"commands": items}, "b-1"))
        worker.carry_out_all()
        self.assert_disabled(worker)

    def assert_disabled(self, worker: Process) -> None:
        found = worker.services.plugins.read_all([f"d-1/{name}" for name in self.NAMES])
        assert [(r.revision, r.plugin and r.plugin.state) for r in found.values()] == [(2, "DISABLED")] * 10
        assert worker.services.redis.exists(f"{QUEUE}:poison") == 0
