"""What goes wrong at the command line is told in one line, or in one JSON document."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result

from contracts.partition import queue_of
from tests.support.servers import free_port
from worker.cli.main import main
from worker.process.partitions import PARTITIONS
from worker.settings import SettingsError, load_settings
from worker.store.client import connect_mongodb


def run(*arguments: str, **env: str) -> Result:
    return CliRunner(env={"PLUGINS_DOMAIN_ID": "d", **env}).invoke(main, arguments)


def one_line(result: Result, status: int = 1) -> str:
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def test_json_nested_too_deep_is_wrong_usage(tmp_path: Path) -> None:
    deep = tmp_path / "deep.json"
    deep.write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    result = run("update", "jira", "--tags", f"@{deep}")
    assert result.exit_code == 2, result.exception
    assert "is not valid JSON" in result.stderr
    listed = tmp_path / "deep.list"
    listed.write_text("[" * 100_000)
    assert run("batch", str(listed)).exit_code == 2


def test_a_batch_that_is_no_utf_8_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "writes.jsonl"
    file.write_bytes(b'{"operation": "enable", "params": {"plugin_id": "\xe9"}}')
    for result in (
        run("batch", str(file)),
        CliRunner(env={"PLUGINS_DOMAIN_ID": "d"}).invoke(main, ["batch", "-"], input=file.read_bytes()),
    ):
        assert result.exit_code == 2, result.exception
        assert "FILE is not UTF-8" in result.stderr


@pytest.mark.parametrize(
    ("setting", "value", "text"),
    [
        ("REDIS_URL", "redis://localhost:6379/x", "must be an integer"),
        ("REDIS_URL", "redis://localhost:port/0", "the host or the port is wrong"),
        ("REDIS_URL", "redis://localhost:0/0", "the port must be an integer"),
        ("RESULTS_URL", "rediss://h/0?ssl_cert_reqs=none", "ssl_cert_reqs of a rediss:// URL cannot"),
        ("MONGODB_URL", "mongodb://u:hunter2@h:99999/plugins", "is not a URL that MongoDB's driver can use"),
        ("EVENTS_URL", "http://localhost", "must be a redis:// or rediss:// URL"),
        ("REPOSITORIES", "[]", ""),
        ("REPOSITORIES", "{", "must be a JSON list, or the path of a JSON or YAML file"),
        ("SYNC_MIN_INTERVAL_S", "50000", "must not be more than the longest interval"),
        ("REGISTRY_BUDGETS", "ghcr.io", "'ghcr.io': must be host="),
    ],
)
def test_a_wrong_setting_is_one_line(setting: str, value: str, text: str) -> None:
    name = f"PLUGINS_{setting}"
    told = one_line(run("doctor", **{name: value}))
    assert told.startswith(f"wrong settings: {name}: {text}") or (text and text in told)
    assert told.count(name) == 1
    assert "Value error" not in told
    shown = run("doctor", "--json", **{name: value})
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["error"]["code"] == "WRONG_SETTINGS"


@pytest.mark.parametrize("path", ["", "/", "/0", "/15"])
def test_the_database_of_a_redis_may_be_left_out(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGINS_REDIS_URL", f"redis://localhost{path}")
    assert load_settings().broker.endswith(path)


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGINS_LEASE_S", "0")
    monkeypatch.setenv("PLUGINS_REDIS_URL", "redis://localhost/x")
    with pytest.raises(SettingsError, match=r"PLUGINS_REDIS_URL: .*; PLUGINS_LEASE_S: "):
        load_settings()


def test_up_looks_at_the_settings_before_it_starts_anything(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told = one_line(run("up", f"--data-dir={data}", PLUGINS_REPOSITORIES="[]"))
    assert told.startswith("wrong settings: PLUGINS_REPOSITORIES: ")
    assert not data.exists()


def test_a_data_folder_that_cannot_be_made_is_told() -> None:
    assert "--data-dir /proc/x cannot be used" in one_line(run("up", "--data-dir=/proc/x"))


@pytest.mark.process
def test_a_worker_with_a_wrong_setting_says_so_without_a_traceback() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker", "worker", "-Q", "plugin.queries"],
        env={**os.environ, "PLUGINS_REPOSITORIES": "[]"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "wrong settings: PLUGINS_REPOSITORIES: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def no_redis() -> Iterator[str]:
    """The URL of something that answers, but not as Redis does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "command", [["sync", "status"], ["enable", "jira"], ["partitions", "show"], ["events"]]
)
def test_something_that_is_no_redis_is_told(command: list[str], no_redis: str, mongodb_url: str) -> None:
    env = {"PLUGINS_REDIS_URL": no_redis, "PLUGINS_MONGODB_URL": mongodb_url}
    # `sync status` asks Redis only where images are followed.
    if command == ["sync", "status"]:
        database = connect_mongodb(mongodb_url)
        with database.client:
            database["images"].insert_one(
                {"host": "h", "registry_type": "OCI", "next_refresh_at": datetime.now(UTC), "failures": 0}
            )
    assert "UNAVAILABLE: " in one_line(run(*command, **env))
    shown = run(*command, "--json", **env)
    assert "UNAVAILABLE" in json.loads(shown.stdout)["error"]["code"]


def test_what_an_error_quotes_does_not_reach_the_terminal_as_it_is() -> None:
    result = run("up", "--procfile=no\x1b[31mprocfile")
    assert result.exit_code == 1
    assert "\x1b" not in result.stderr
    assert "\\u001b[31m" in result.stderr


def test_a_write_is_sent_by_the_number_of_partitions_in_force(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set(PARTITIONS, 7)
        told = one_line(run("enable", "jira", "--timeout", "0.1", PLUGINS_REDIS_URL=redis_url))
        assert told.startswith("TIMEOUT: ")
        assert client.llen(queue_of("plugin.enable", {"domain_id": "d", "plugin_id": "jira"}, 7)) == 1


WRITES = "".join(
    json.dumps({"operation": "enable", "params": {"plugin_id": "jira"}, **given}) + "\n"
    for given in ({"id": "mine"}, {})
)


def unanswered_batch(url: str, *options: str, **other: str) -> Result:
    env = {"PLUGINS_DOMAIN_ID": "d", "PLUGINS_REDIS_URL": url, **other}
    return CliRunner(env=env).invoke(main, ["batch", "-", "--timeout", "0.1", *options], input=WRITES)


def test_a_batch_without_an_answer_tells_the_ids_to_send_again(redis_url: str) -> None:
    error = json.loads(unanswered_batch(redis_url, "--json").stdout)["error"]
    assert error["message"].endswith(" Writes may still take effect: send them again with the same ids.")
    mine, made = error["details"]["ids"]
    with redis.Redis.from_url(redis_url) as client:
        sent = client.lindex("plugin.commands", 0)
    body = json.loads(base64.b64decode(json.loads(sent)["body"]))
    assert [item["id"] for item in body[1]["commands"]] == ["mine", made] == [mine, made]

    told = unanswered_batch(redis_url)
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert told.stderr.startswith("TIMEOUT: ")
    first, second = told.stdout.splitlines()
    assert first == "mine  no answer"
    assert second.endswith("  no answer")


def test_a_batch_that_meets_an_outage_tells_the_ids_too(redis_url: str) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    told = unanswered_batch(redis_url, "--json", PLUGINS_RESULTS_URL=nowhere)
    error = json.loads(told.stdout)["error"]
    assert (error["code"], error["details"]["ids"][0]) == ("REDIS_UNAVAILABLE", "mine")
    assert len(error["details"]["ids"]) == 2


@pytest.mark.parametrize(
    "option", ["--expires=nan", "--expires=inf", "--expires=1e300", "--expires=-1", "--timeout=nan"]
)
@pytest.mark.parametrize("command", [["enable", "jira"], ["batch", "-"]])
def test_seconds_that_are_none_are_wrong_usage(command: list[str], option: str, redis_url: str) -> None:
    result = run(*command, option, PLUGINS_REDIS_URL=redis_url)
    assert result.exit_code == 2, result.exception
    assert f"Invalid value for '{option.partition('=')[0]}'" in result.stderr
