"""Dead letters in a real store: kept once, whole, and replayed without being lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from contracts.commands import PluginBatch, UpdatePlugin
from contracts.parse import parse
from contracts.partition import queue_of
from tests.plugins.writes import DISABLE, ENABLE, register
from tests.support.commands import apply, by, command_of
from tests.support.messages import celery_message
from tests.support.parked import AT, Parked
from worker.dead_letters.message import read_message
from worker.dead_letters.replay import Replay
from worker.plugins.frame import check_frame
from worker.process.chores import DrainParkedMessages
from worker.process.queues import Queues
from worker.services import Services
from worker.store.dead_letters import DeadLetter, Filter
from worker.tasks.broker import BrokerUnavailable
from worker.transport.encode import task_message

JIRA = {"domain_id": "d-1", "plugin_id": "jira"}


def command(command_id: str = "c-1", task: str = "plugin.disable", params: dict[str, Any] = JIRA) -> bytes:
    return task_message(task, command_id, params, "plugin.commands")


def letters(services: Services) -> list[DeadLetter]:
    return list(services.dead_letters.find(Filter()))


def replayer(services: Services, partitions: int = 1) -> Replay:
    return Replay(services.dead_letters, services.plugins, Queues(services.broker).push, partitions)


def test_a_parked_message_is_stored_once_with_its_plugins_revision(services: Services) -> None:
    apply(services, register(), by("r-1"))
    apply(services, DISABLE, by("d-1"))
    parked = Parked("p-1", command())
    services.parking.store([parked])
    apply(services, ENABLE, by("e-1"))
    services.parking.store([parked])  # drained by two processes at once
    letter = services.dead_letters.read("p-1")
    assert letter is not None and len(letters(services)) == 1
    assert letter.raw == parked.raw
    assert letter.revisions == {"d-1/jira": 2}
    assert (letter.task, letter.command_id, letter.attempts) == ("plugin.disable", "c-1", 5)
    assert letter.first_at == letter.parked_at == AT


def test_a_fault_is_one_letter_that_counts_its_attempts(services: Services) -> None:
    names = {park_fault(services, command(), "plugin.disable") for _ in range(2)}  # two messages, one command
    (letter,) = letters(services)
    assert names == {letter.id}
    assert (letter.reason, letter.error, letter.attempts) == ("fault", "KeyError: 'bug'", 2)
    assert letter.first_at is not None and letter.first_at < letter.parked_at


def park_fault(services: Services, raw: bytes, task: str) -> str:
    fault = services.parking.keep("c-1", task, "plugin.commands", raw, KeyError("bug"))
    return str(fault.details["dead_letter_id"])


def test_commands_that_share_their_id_are_letters_of_their_own(services: Services) -> None:
    """The id of a batch's item need only be unique in its batch."""
    given = [JIRA, JIRA | {"plugin_id": "slack"}, JIRA | {"name": "Jira"}]
    commands = [command_of(parse(UpdatePlugin, params), by("c-1")) for params in given]
    faults = [services.parking.keep_command(command, KeyError("bug")) for command in commands + commands]
    names = [fault.details["dead_letter_id"] for fault in faults]
    assert len(set(names)) == len(given) and names[3:] == names[:3]
    kept = {letter.id: read_message(whole(services, letter.id).raw).kwargs for letter in letters(services)}
    assert kept == dict(zip(names, given, strict=False))


def whole(services: Services, name: str) -> DeadLetter:
    letter = services.dead_letters.read(name)
    assert letter is not None
    return letter


def test_what_has_no_arguments_is_told_apart_by_its_bytes(services: Services) -> None:
    raws = [b"\xff", b"\xfe", b"\xff"]
    names = [park_fault(services, raw, "plugin.list") for raw in raws]
    assert names[0] == names[2] != names[1]
    assert sorted(whole(services, name).raw for name in set(names)) == [b"\xfe", b"\xff"]


def test_a_replay_sends_the_very_message_to_the_tail_and_removes_the_letter(services: Services) -> None:
    services.broker.lpush("plugin.commands", b"older")
    services.parking.store([Parked("p-1", command())])
    done = replayer(services).replay("p-1")
    assert (done.queue, done.objection) == ("plugin.commands", None)
    assert services.broker.lrange("plugin.commands", 0, -1) == [command_as_sent(services), b"older"]
    assert letters(services) == []
    assert replayer(services).replay("p-1").objection == "gone"


def command_as_sent(services: Services) -> bytes:
    newest: bytes = services.broker.lindex("plugin.commands", 0)
    assert b'"id": "c-1"' in newest
    return newest


def test_a_replay_goes_to_the_partition_of_today(services: Services) -> None:
    # crc32(b"d-1/jira") % 7 == 5, told by zlib.
    services.parking.store([Parked("p-1", command(), queue="plugin.commands.11")])
    assert replayer(services, partitions=7).replay("p-1").queue == "plugin.commands.5"
    services.parking.store([Parked("p-2", b"nonsense", queue="plugin.commands.11")])
    assert replayer(services, partitions=7).replay("p-2", force=True).queue == "plugin.commands"
    services.parking.store([Parked("p-3", b"nonsense", queue="plugin.queries")])
    assert replayer(services).replay("p-3", force=True).queue == "plugin.queries"


def test_what_speaks_against_a_replay_is_told_and_forced(services: Services) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    cases = {
        "unreadable": Parked("unreadable", b"\xff\xfe"),
        "expired": Parked("expired", command().replace(b'"group": null', f'"expires": "{past}"'.encode())),
        "token_removed": Parked(
            "token_removed", command().replace(b'"group": null', b'"authorization": "Bearer x.y.z"')
        ),
    }
    for objection, parked in cases.items():
        services.parking.store([parked])
        assert replayer(services).replay(parked.id).objection == objection
    assert len(letters(services)) == 3
    assert services.broker.llen("plugin.commands") == 0
    assert replayer(services).replay("token_removed", token="a.b.c").queue
    assert b"Bearer a.b.c" in services.broker.lindex("plugin.commands", 0)
    assert replayer(services).replay("expired", force=True).queue
    assert b"expires" not in services.broker.lindex("plugin.commands", 0)
    assert replayer(services).replay("unreadable", force=True).queue
    assert services.broker.lindex("plugin.commands", 0) == b"\xff\xfe"


def test_a_letter_of_protocol_1_is_one_like_any_other(services: Services) -> None:
    apply(services, register(), by("r-1"))
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for command_id, expires in ("c-1", None), ("c-2", past):
        raw = celery_message("plugin.disable", JIRA, command_id, protocol=1, expires=expires)
        services.parking.store([Parked(command_id, raw)])
        letter = whole(services, command_id)
        assert (letter.task, letter.command_id, letter.raw) == ("plugin.disable", command_id, raw)
        assert letter.revisions == {"d-1/jira": 1}
    assert replayer(services, partitions=7).replay("c-1").queue == "plugin.commands.5"
    assert services.broker.lpop("plugin.commands.5") is not None
    assert replayer(services).replay("c-2").objection == "expired"
    assert replayer(services).replay("c-2", force=True).queue
    sent = read_message(services.broker.lindex("plugin.commands", 0))
    assert (sent.command_id, sent.kwargs, sent.expires) == ("c-2", JIRA, None)


@pytest.mark.parametrize(("effects", "objection"), [(64, None), (65, "revision_moved")])
def test_a_plugin_that_moved_beyond_its_memory_asks_for_force(
    services: Services, effects: int, objection: str | None
) -> None:
    apply(services, register(), by("r-1"))
    services.parking.store([Parked("p-1", command())])
    for number in range(effects):
        apply(services, ENABLE if number % 2 else DISABLE, by(f"e-{number}"))
    assert replayer(services).replay("p-1").objection == objection
    if objection:
        assert replayer(services).replay("p-1", force=True).queue


def test_a_letter_parked_again_while_it_is_replayed_is_not_removed(services: Services) -> None:
    """The worker may meet the same bug before the replay has ended: that letter is the only copy."""
    name = park_fault(services, command(), "plugin.disable")

    def faults_at_once(queue: str, raw: bytes) -> None:
        park_fault(services, raw, "plugin.disable")

    replay = Replay(services.dead_letters, services.plugins, faults_at_once, 1)
    replay.replay(name)
    (letter,) = letters(services)
    assert letter.attempts == 2
    assert letter.replayed_at is None


def test_an_ending_between_sending_and_removing_loses_nothing(services: Services) -> None:
    services.parking.store([Parked("p-1", command())])

    def ends(queue: str, raw: bytes) -> None:
        Queues(services.broker).push(queue, raw)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Replay(services.dead_letters, services.plugins, ends, 1).replay("p-1")
    (letter,) = letters(services)
    assert letter.replayed_at is not None
    assert replayer(services).replay("p-1").queue  # sent twice: its command id makes that one effect
    assert services.broker.llen("plugin.commands") == 2
    assert letters(services) == []


def park(services: Services, queue: str, raw: bytes, at_ms: int = 1) -> None:
    """Put a message on the poison list of a queue, as the transport's scripts do."""
    services.broker.lpush(f"{queue}:poison", b"not_json\n%d\n0\n\n" % at_ms + raw)


def drain(services: Services, sink: Callable[[Any], object], *queues: str) -> None:
    DrainParkedMessages(services.broker, queues, sink, services.dead_letters.retention).run()


def test_a_drain_empties_its_queues_and_the_shared_ones(services: Services) -> None:
    queues = ["plugin.commands", "plugin.commands.0", "plugin.queries", "plugin.versions"]
    for queue in queues:
        park(services, queue, b"{", 1)
        park(services, queue, b"{", 2)
    park(services, "plugin.commands.1", b"{")
    drain(services, services.parking.store, *queues[:2])
    assert sorted(letter.queue for letter in letters(services)) == sorted(queues * 2)
    assert services.broker.keys("*poison") == [b"plugin.commands.1:poison"]


def test_a_drain_survives_a_bug_and_an_outage_and_leaves_everything_where_it_is(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    park(services, "plugin.commands", b"{")
    park(services, "plugin.queries", b"{")

    def sink(parked: Any) -> None:
        if parked[0].queue == "plugin.commands":
            raise TypeError("bug")
        services.parking.store(parked)

    drain(services, sink, "plugin.commands")
    assert "stay in Redis" in caplog.text
    assert services.broker.keys("*poison") == [b"plugin.commands:poison"]
    with redis.Redis(port=1) as nobody, pytest.raises(BrokerUnavailable):
        DrainParkedMessages(nobody, ["plugin.commands"], sink, services.dead_letters.retention).run()
    assert services.broker.llen("plugin.commands:poison") == 1


def test_filters(services: Services) -> None:
    make: Callable[..., DeadLetter] = lambda name, **fields: DeadLetter(  # noqa: E731
        **{
            "id": name,
            "queue": "plugin.commands",
            "reason": "fault",
            "error": "",
            "raw": b"",
            "parked_at": AT,
        }
        | fields
    )
    services.dead_letters.keep(make("a", task="plugin.enable", revisions={"d-1/jira": 3}))
    services.dead_letters.keep(make("b", reason="not_json", parked_at=AT + timedelta(days=1)))
    services.dead_letters.keep(make("c", queue="plugin.queries"))

    def found(**wanted: Any) -> str:
        return "".join(letter.id for letter in services.dead_letters.find(Filter(**wanted)))

    assert found() == "acb"
    assert found(ids=("a", "b")) == "ab"
    assert found(reason="fault") == "ac"
    assert found(queue="plugin.queries") == "c"
    assert found(task="plugin.enable") == found(plugin="jira") == found(plugin="d-1/jira") == "a"
    assert found(since=AT + timedelta(seconds=1)) == "b"
    assert services.dead_letters.counts() == {"fault": 2, "not_json": 1}


@pytest.mark.parametrize("protocol", [1, 2])
def test_a_batch_parked_before_there_were_partitions_is_replayed_in_parts(
    services: Services, protocol: int
) -> None:
    items = [
        {
            "id": f"i-{number}",
            "operation": "plugin.register",
            "params": {"domain_id": "d-1", "name": "x", "service_type": "x.Y", "image": f"acme/p{number}"},
        }
        for number in range(8)
    ]
    headers = {"ignore_result": True, "authorization": "Bearer x.y.z"}
    raw = celery_message("plugin.batch", {"commands": items}, "b-1", protocol=protocol, headers=headers)
    services.parking.store([Parked("p-1", raw)])

    replayed = replayer(services, partitions=4).replay("p-1", token="t")
    assert replayed.objection is None and replayed.queue is not None
    assert letters(services) == []
    sent = []
    for queue in replayed.queue.split(", "):
        (element,) = services.broker.lrange(queue, 0, -1)
        part = read_message(element)
        assert (part.task, part.headers["ignore_result"]) == ("plugin.batch", True)
        assert part.stripped, "the token goes along"
        assert part.kwargs is not None and part.command_id != "b-1"
        check_frame(parse(PluginBatch, part.kwargs), partitions=4)
        assert queue_of("plugin.batch", part.kwargs, 4) == queue
        sent += part.kwargs["commands"]
    assert sorted(sent, key=lambda item: item["id"]) == items
