"""`plugins dead-letters` on real servers, and with a real worker that drains and applies."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from contracts.commands import RegisterPlugin
from tests.support.commands import apply, by
from tests.support.servers import run_worker, wait_until
from tests.support.stream import Stream
from worker.cli.operate.dead_letters import dead_letters
from worker.domain.dead_letter import DeadLetter
from worker.services import Services
from worker.settings import Settings
from worker.store.dead_letters import DeadLetters
from worker.transport.encode import task_message

TOKEN = "c2VjcmV0"
ENABLE = {"domain_id": "d", "plugin_id": "jira", "note": {"api_key": "hunter2"}}


@pytest.fixture
def services(redis_url: str, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url, command_partitions=2))
    yield made
    made.close()


Run = Callable[..., Any]


@pytest.fixture
def run(plugins_env: dict[str, str]) -> Run:
    def invoke(*arguments: str, status: int = 0, **options: Any) -> Any:
        env = plugins_env | {"PLUGINS_COMMAND_PARTITIONS": "2"}
        result = CliRunner().invoke(dead_letters, list(arguments), env=env, **options)
        assert result.exit_code == status, result.output
        # Whatever a sender has written, nothing of it must be a command to the terminal.
        assert result.stdout.replace("\n", "").isprintable(), ascii(result.stdout)
        return json.loads(result.stdout) if "--json" in arguments else result.output

    return invoke


def message(command_id: str, **headers: str) -> bytes:
    made = json.loads(task_message("plugin.disable", command_id, ENABLE, "plugin.commands"))
    made["headers"] |= headers
    return json.dumps(made).encode()


def park(services: Services, count: int = 1, **headers: str) -> list[str]:
    raws = {f"c-{number}": message(f"c-{number}", **headers) for number in range(count)}
    faults = [
        services.parking.keep(i, "plugin.disable", "plugin.commands.0", raw, KeyError("x"))
        for i, raw in raws.items()
    ]
    return [fault.details["dead_letter_id"] for fault in faults]


def test_nothing_that_is_shown_or_stored_holds_a_token(services: Services, run: Run) -> None:
    (name,) = park(services, authorization=f"Bearer {TOKEN}")
    services.broker.lpush(
        "plugin.queries:poison", b'not_json\n1\n0\n\n{"authorization": "' + TOKEN.encode() + b'"'
    )
    assert run("drain", "--json") == {"drained": 1}
    told = [run("list"), run("list", "--json"), run("show", name), run("show", name, "--json")]
    told += [run("show", row["id"]) for row in told[1]["results"]]
    stored = list(services.database["dead_letters"].find())
    assert len(stored) == 2
    assert TOKEN not in str(told) + str(stored)
    assert "hunter2" not in str(told)
    assert told[3]["token_removed"] is True
    assert told[3]["kwargs"]["plugin_id"] == "jira"


def test_list_filters_and_limits(services: Services, run: Run) -> None:
    park(services, 3)
    listed = run("list", "--reason", "fault", "--limit", "2", "--json")
    assert (len(listed["results"]), listed["total_count"]) == (2, 3)
    assert run("list", "--reason", "deaths", "--json")["total_count"] == 0
    assert run("list", "--since", "1h", "--json")["total_count"] == 3
    assert run("list", "--since", "2999-01-01", "--json")["total_count"] == 0
    run("list", "--since", "yesterday", status=2)
    assert run("show", "nothing", "--json", status=1)["error"]["code"] == "NOT_FOUND"
    assert run("show", "nothing", status=1) == "NOT_FOUND: there is no dead letter nothing\n"


def test_which_letters_are_meant_has_to_be_said(services: Services, run: Run) -> None:
    names = park(services)
    for command in ("replay", "purge"):
        run(command, status=2)
        run(command, "--all", "--id", names[0], status=2)
    assert run("list", "--json")["total_count"] == 1


def test_replay_tells_what_it_left(services: Services, run: Run) -> None:
    park(services, authorization=f"Bearer {TOKEN}")
    left = run("replay", "--all", "--json", status=1)
    assert (left["replayed"], left["left"], left["results"][0]["objection"]) == (0, 1, "token_removed")
    assert run("replay", "--id", "nothing", "--json", status=1)["results"][0]["objection"] == "gone"
    done = run("replay", "--all", "--token", "fresh", "--json")
    # crc32(b"d/jira") % 2 == 0, told by zlib.
    assert done["results"][0]["queue"] == "plugin.commands.0"
    assert b"Bearer fresh" in services.broker.lindex("plugin.commands.0", 0)
    assert "fresh" not in str(done)


def test_what_is_parked_on_another_number_of_partitions_is_drained_too(services: Services, run: Run) -> None:
    services.broker.lpush("plugin.commands.7:poison", b"not_json\n1\n0\n\n{")
    assert run("drain", "--json") == {"drained": 1}
    assert [row["queue"] for row in run("list", "--json")["results"]] == ["plugin.commands.7"]


def test_the_token_of_a_replay_may_come_by_the_environment(
    services: Services, run: Run, plugins_env: dict[str, str]
) -> None:
    park(services, authorization=f"Bearer {TOKEN}")
    plugins_env["PLUGINS_REPLAY_TOKEN"] = "fresh"
    assert run("replay", "--all", "--json")["replayed"] == 1
    assert b"Bearer fresh" in services.broker.lindex("plugin.commands.0", 0)
    assert "PLUGINS_REPLAY_TOKEN" in run("replay", "--help")


def test_purge_tells_of_what_was_parked_again_meanwhile(
    services: Services, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    park(services, 2)
    remove = DeadLetters.remove

    def parked_again(letters: DeadLetters, read: Sequence[DeadLetter]) -> int:
        services.parking.keep("c-1", "plugin.disable", "plugin.commands.0", message("c-1"), KeyError("again"))
        return remove(letters, read)

    monkeypatch.setattr(DeadLetters, "remove", parked_again)
    assert run("purge", "--all", "--yes", "--json", status=1) == {"removed": 1, "left": 1}
    assert run("purge", "--all", "--yes", status=1) == "0 removed, 1 left (parked again in the meantime)\n"


def test_purge_asks_unless_told_not_to(services: Services, run: Run) -> None:
    names = park(services, 3)
    run("purge", "--all", input="n\n", status=1)
    assert run("list", "--json")["total_count"] == 3
    assert run("purge", "--id", names[0], "--yes", "--json") == {"removed": 1, "left": 0}
    run("purge", "--all", "--reason", "fault", input="y\n")
    assert run("list", "--json")["total_count"] == 0


def test_hostile_names_do_not_write_on_the_terminal(services: Services, run: Run) -> None:
    hostile = {"task": "\x1b[31mred\x1b[2J\x9b2J", "id": "\r\nid\u202e"}
    services.broker.lpush(
        "plugin.queries:poison", b"unknown_task\n1\n0\nx\n" + json.dumps({"headers": hostile}).encode()
    )
    run("drain")
    (row,) = run("list", "--json")["results"]
    run("list")
    run("show", row["id"])
    shown = run("show", row["id"], "--json")
    assert (shown["task"], shown["command_id"]) == (hostile["task"], hostile["id"])


def test_an_outage_is_told(run: Run, plugins_env: dict[str, str]) -> None:
    plugins_env["PLUGINS_REDIS_URL"] = "redis://127.0.0.1:1/0"
    assert "STORE_UNAVAILABLE" in json.dumps(run("drain", "--json", status=1))


def test_a_worker_stores_what_is_parked_and_applies_what_is_replayed(
    services: Services, run: Run, plugins_env: dict[str, str], tmp_path: Path
) -> None:
    command = RegisterPlugin(domain_id="d", name="n", service_type="s", image="a/jira")
    apply(services, command, by("r"))
    kwargs = {"domain_id": "d", "plugin_id": "jira"}
    raw = task_message("plugin.disable", "c-1", kwargs, "plugin.commands")
    services.parking.keep(
        "c-1", "plugin.disable", "plugin.commands", raw, KeyError("a bug that is put right")
    )
    env = plugins_env | {"PLUGINS_COMMAND_PARTITIONS": "2", "PLUGINS_HEARTBEAT_DIR": str(tmp_path / "beats")}
    with run_worker("-Q", "plugin.commands", env=env, log=tmp_path / "worker.log"):
        for queue in ("plugin.commands", "plugin.commands.0", "plugin.commands.1"):
            services.broker.lpush(queue, b"\xff not json")
        for queue in ("plugin.queries", "plugin.versions"):
            services.broker.lpush(f"{queue}:poison", b"not_json\n1\n0\n\n[")
        counts = services.dead_letters.counts
        wait_until(lambda: counts() == {"fault": 1, "not_json": 2, "not_utf8": 3}, 60)
        assert services.broker.keys("*:poison") == []
        assert run("replay", "--all", "--reason", "fault", "--json")["replayed"] == 1
        with redis.Redis.from_url(plugins_env["PLUGINS_REDIS_URL"], decode_responses=True) as client:
            stream = Stream(client)
            wait_until(lambda: stream.changes() == [(1, "registered"), (2, "disabled")], 60)
        assert counts() == {"not_json": 2, "not_utf8": 3}
        assert run("purge", "--all", "--yes", "--json")["removed"] == 5
