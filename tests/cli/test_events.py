"""`plugins events`: the stream, as it is and as it grows."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from contracts.client import PluginClient
from contracts.events import STREAM
from tests.support.live import Live
from tests.support.servers import ChildProcess, RedisServer, free_port
from worker.cli.main import main


@pytest.fixture
def changed(client: PluginClient, domain: str) -> str:
    """A subject with three events."""
    client.ask("register", domain_id=domain, name="J", service_type="x.Y", image="acme/jira")
    client.ask("disable", domain_id=domain, plugin_id="jira")
    client.ask("enable", domain_id=domain, plugin_id="jira")
    return f"{domain}/jira"


@pytest.fixture
def following(live: Live, tmp_path: Path) -> Iterator[ChildProcess]:
    child = ChildProcess(
        [sys.executable, "-u", "-m", "worker.cli", "events", "--follow", "--from", "beginning"],
        log=tmp_path / "events.log",
        env=live.env,
    )
    yield child
    if child.running:
        child.kill()


def events(live: Live, *arguments: str) -> Result:
    return CliRunner(env=live.env).invoke(main, ["events", *arguments])


def test_one_line_an_event(live: Live, changed: str) -> None:
    lines = events(live, "--subject", changed).stdout.splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["registered", f"{changed}@1"],
        ["disabled", f"{changed}@2", "state"],
        ["enabled", f"{changed}@3", "state"],
    ]


def test_one_json_object_an_event(live: Live, changed: str) -> None:
    first, *_ = (
        json.loads(line) for line in events(live, "--subject", changed, "--json").stdout.splitlines()
    )
    assert first["attributes"]["subject"] == changed
    assert first["data"]["change"] == "registered"
    assert first["attributes"]["dataschema"].endswith("/PluginChanged.json")

    behind = events(live, "--subject", changed, "--from", first["entry"], "--json").stdout.splitlines()
    assert [json.loads(line)["data"]["revision"] for line in behind] == [2, 3]


def test_it_ends_after_the_count(live: Live, changed: str) -> None:
    assert len(events(live, "--subject", changed, "--count", "2").stdout.splitlines()) == 2


def test_from_now_there_is_nothing_yet(live: Live, changed: str) -> None:
    assert events(live, "--from", "now").stdout == ""


def test_it_follows_until_ctrl_c(
    live: Live, following: ChildProcess, changed: str, client: PluginClient
) -> None:
    following.start()
    following.wait_for_output("Waiting for events on plugin.events (Ctrl-C ends)\n")
    following.wait_for_output(f"{changed}@3")
    domain = changed.split("/")[0]
    client.ask("deregister", domain_id=domain, plugin_id="jira")
    following.wait_for_output(f"{changed}@4")

    following.signal(signal.SIGINT)
    assert following.wait() == 0
    assert "Traceback" not in following.output()


def test_a_reader_that_goes_away_is_no_error(live: Live, changed: str) -> None:
    done = subprocess.run(
        f"{sys.executable} -m worker.cli events | head -1",
        shell=True,
        env={"PATH": "/usr/bin:/bin", **live.env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("place", ["yesterday", "$", "-1", "1-2-3", str(2**64), f"1-{2**64}", "٣"])
def test_a_place_that_is_none(live: Live, place: str) -> None:
    result = events(live, f"--from={place}")
    assert result.exit_code == 2
    assert f"'--from': '{place}' is not beginning, now or an entry's id" in result.stderr


@pytest.mark.parametrize("place", ["0", "7", "7-7", f"{2**64 - 1}-{2**64 - 1}"])
def test_a_place_that_is_one(live: Live, place: str) -> None:
    assert events(live, f"--from={place}", "--count=1").exit_code == 0


def test_what_redis_refuses_is_not_a_wrong_place(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.set(STREAM, "no stream")
    result = CliRunner(env={"PLUGINS_REDIS_URL": redis_url}).invoke(main, ["events", "--json"])
    assert (result.exit_code, result.stderr) == (1, "")
    error = json.loads(result.stdout)["error"]
    assert error["code"] == "REDIS_UNAVAILABLE"
    assert "WRONGTYPE" in error["message"]


def test_no_redis() -> None:
    env = {"PLUGINS_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    result = CliRunner(env=env).invoke(main, ["events"])
    assert result.exit_code == 1
    assert result.stderr.startswith("REDIS_UNAVAILABLE: ")


def test_its_help_names_its_own_options() -> None:
    shown = CliRunner().invoke(main, ["events", "--help"]).stdout
    for option in ("--follow", "--from", "--subject", "--count", "--json"):
        assert option in shown


def test_who_follows_waits_for_redis_and_goes_on_behind_the_last_event(
    mortal_redis: RedisServer, tmp_path: Path
) -> None:
    command = [sys.executable, "-u", "-m", "worker.cli", "events", "--follow", "--from", "beginning"]
    env = {"PLUGINS_REDIS_URL": mortal_redis.url}
    with ChildProcess(command, log=tmp_path / "events.log", env=env) as child:
        child.wait_for_output("Waiting for events")
        mortal_redis.kill()
        child.wait_for_output("waiting for Redis: ")
        mortal_redis.start()
        child.wait_for_output("Redis answers again\n")
        with Redis.from_url(mortal_redis.url) as client:
            client.xadd(STREAM, {"no": "event"})
        child.wait_for_output("unreadable entry")
        assert child.output().count("waiting for Redis") == 1
