"""What the command line tells of cut letters, of junk, and of what was dropped."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.parked import Parked
from worker.cli.main import main
from worker.services import Services
from worker.settings import Settings
from worker.transport.encode import task_message

JIRA = {"domain_id": "d", "plugin_id": "jira"}

Run = Callable[..., Any]


@pytest.fixture
def run(plugins_env: dict[str, str]) -> Run:
    def invoke(*arguments: str, status: int = 0) -> Any:
        env = plugins_env | {"PLUGINS_DEAD_LETTERS_MAX": "5"}
        result = CliRunner().invoke(main, list(arguments), env=env)
        assert result.exit_code == status, result.output
        return json.loads(result.stdout) if "--json" in arguments else result.output

    return invoke


@pytest.fixture
def services(redis_url: str, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url, dead_letters_max=5))
    yield made
    made.close()


def command(number: int) -> Parked:
    return Parked(f"c-{number}", task_message("plugin.disable", f"c-{number}", JIRA, "plugin.commands"))


def junk(number: int) -> Parked:
    return Parked(f"j-{number}", b"{%d" % number, reason="not_json")


def test_a_cut_letter_is_shown_as_such_and_not_replayed(services: Services, run: Run) -> None:
    services.parking.store([Parked("x", b"[" * 65_536, reason="oversize", cut_from=2**29, digest="ab" * 20)])
    assert f"oversize, cut from {2**29} bytes" in run("dead-letters", "list")
    shown = run("dead-letters", "show", "x", "--json")
    assert (shown["cut"], shown["size"], shown["digest"], shown["junk"]) == (True, 2**29, "ab" * 20, True)
    assert f"{2**29}" in run("dead-letters", "show", "x")
    for options in ([], ["--force"]):
        told = run("dead-letters", "replay", "--id", "x", *options, status=1)
        assert "only its beginning was kept" in told
    assert run("dead-letters", "purge", "--id", "x", "--yes", "--json") == {"removed": 1, "left": 0}


def test_junk_and_what_was_dropped_are_counted(services: Services, run: Run) -> None:
    services.parking.store([command(1), junk(1)])
    told = run("dead-letters", "list", "--json")
    assert (told["total_count"], told["junk_count"], told["dropped"]) == (2, 1, None)
    assert "2 of 2 dead letter(s), 1 of them junk\n" in run("dead-letters", "list")
    services.parking.store([junk(number) for number in range(2, 9)])
    told = run("dead-letters", "list", "--json")
    assert (told["total_count"], told["junk_count"], told["dropped"]["count"]) == (5, 4, 4)
    assert "\n4 dropped since 20" in run("dead-letters", "list")
    assert [row["id"] for row in run("dead-letters", "list", "--no-junk", "--json")["results"]] == ["c-1"]
    assert run("dead-letters", "purge", "--all", "--junk", "--yes", "--json")["removed"] == 4


def room(run: Run) -> dict[str, Any]:
    # The Redis of the tests has no append-only file, which alone is a FAIL.
    findings = run("doctor", "--json", "--quick", status=1)["findings"]
    found: dict[str, Any]
    (found,) = [each for each in findings if each["check"] == "dead_letter_room"]
    return found


def test_doctor_names_what_was_dropped_and_fails_if_commands_alone_are_too_many(
    services: Services, run: Run
) -> None:
    assert room(run)["level"] == "ok"
    services.parking.store([junk(number) for number in range(7)])
    found = room(run)
    assert (found["level"], found["details"]["dropped"]) == ("warn", 2)
    assert "5 of at most 5" in found["text"] and "2 dropped since" in found["text"]
    days_ago = datetime.now(UTC) - timedelta(days=1, minutes=1)
    services.database["dead_letter_drops"].update_one({}, {"$set": {"last": days_ago}})
    found = room(run)
    assert (found["level"], found["details"]["dropped"]) == ("ok", 2)
    assert "2 dropped since" in found["text"] and "advice" not in found
    services.parking.store([command(number) for number in range(6)])
    found = room(run)
    assert (found["level"], found["details"]["junk"]) == ("fail", 0)
    assert "never dropped" in found["text"] and "PLUGINS_DEAD_LETTERS_MAX" in found["advice"]
    assert services.dead_letters.retention.fill().count == 6
