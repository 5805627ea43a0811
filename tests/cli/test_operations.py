"""The commands that send messages, against a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from contracts.catalog import OPERATIONS
from tests.support.live import Live
from tests.support.servers import free_port
from worker.cli.main import COMMANDS, main

Plugins = Callable[..., Result]

JIRA = ("--name", "JIRA", "--service-type", "notification.Protocol", "--image", "acme/jira")


@pytest.fixture
def plugins(live: Live, domain: str) -> Plugins:
    """Runs `plugins ARGUMENTS` in the test's domain."""

    def run(*arguments: str, input: str | None = None, **env: str) -> Result:
        environment = {**live.env, "PLUGINS_DOMAIN_ID": domain, **env}
        return CliRunner(env=environment).invoke(main, arguments, input=input)

    return run


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_every_operation_has_a_command_with_examples() -> None:
    names = {entry.name for entry in COMMANDS}
    for operation in OPERATIONS:
        name = operation.verb.replace("_", "-")
        assert name in names
        shown = CliRunner().invoke(main, [name, "--help"]).stdout
        assert f"plugins {name} " in shown
        for option in ("--json", "--timeout", "--expires"):
            assert option in shown


def test_every_field_of_a_command_is_a_parameter() -> None:
    for operation in OPERATIONS:
        command = main.get_command(None, operation.verb.replace("_", "-"))  # type: ignore[arg-type]  # no context is used
        assert command
        if operation.verb != "batch":
            assert set(operation.command.model_fields) <= {p.name for p in command.params}


def test_a_plugin_from_its_registration_to_its_end(plugins: Plugins, domain: str, tmp_path: Path) -> None:
    (tmp_path / "form.json").write_text('{"options": {"schema": {"type": "object"}}}')

    registered = answer(
        plugins(
            *("register", *JIRA, "--provider", "atlassian", "--labels", "a", "--labels", "b"),
            *("--template", f"@{tmp_path / 'form.json'}", "--tags", '{"n": 4.0}', "--json"),
        )
    )
    assert registered["domain_id"] == domain
    assert registered["labels"] == ["a", "b"]
    assert registered["template"] == {"options": {"schema": {"type": "object"}}}
    assert json.dumps(registered["tags"]) == '{"n": 4.0}'

    updated = answer(
        plugins("update", "jira", "--provider", "", "--labels", "[]", "--expected-revision", "1", "--json")
    )
    assert (updated["labels"], updated["revision"], "provider" in updated) == ([], 2, False)
    assert answer(plugins("disable", "jira", "--json"))["state"] == "DISABLED"
    assert answer(plugins("enable", "jira", "--json"))["state"] == "ENABLED"
    assert answer(plugins("get", "jira", "--only", "name", "--only", "state", "--json")) == {
        "plugin_id": "jira",
        "name": "JIRA",
        "state": "ENABLED",
    }
    assert answer(plugins("deregister", "jira", "--json"))["revision"] == 4
    assert answer(plugins("list", "--json"))["total_count"] == 0


def test_list_and_stat(plugins: Plugins) -> None:
    for name in ("one", "two"):
        plugins("register", "--name", name, "--service-type", "x.Y", "--image", f"acme/{name}")
    plugins("disable", "two")

    assert answer(plugins("list", "--state", "DISABLED", "--json"))["total_count"] == 1
    both = answer(plugins("list", "--state", "DISABLED", "--state", "ENABLED", "--json"))
    assert [row["name"] for row in both["results"]] == ["one", "two"]
    found = answer(plugins("list", "--query", "@-", "--json", input='{"keyword": "TW"}'))
    assert [row["name"] for row in found["results"]] == ["two"]
    assert answer(plugins("stat", "--query", '{"distinct": "state"}', "--json"))["results"] == [
        "DISABLED",
        "ENABLED",
    ]


def test_an_empty_option_counts_as_not_given(plugins: Plugins) -> None:
    before = answer(plugins("register", *JIRA, "--labels", "a", "--registry-type", "", "--json"))
    for option in ("--plugin-id", "--name", "--state", "--provider", "--registry-type", "--repository-id"):
        assert answer(plugins("list", option, "", "--json"))["results"] == [before]
    assert answer(plugins("list", "--state", "", "--state", "DISABLED", "--json"))["results"] == []
    assert answer(plugins("update", "jira", "--labels", "", "--json")) == before


def test_what_a_person_reads(plugins: Plugins) -> None:
    assert "plugin_id" in plugins("register", *JIRA, "--tags", '{"a": "b"}').stdout
    shown = plugins("get", "jira").stdout.splitlines()
    assert "name             JIRA" in shown
    assert 'tags             {"a": "b"}' in shown
    assert plugins("list").stdout.splitlines()[0].split() == [
        *("plugin_id", "name", "state", "service_type", "image", "revision")
    ]
    assert plugins("list").stdout.splitlines()[-1] == "1 plugin(s)"
    assert plugins("list", "--query", '{"page": {"limit": 1}, "only": ["tags"]}').stdout.splitlines() == [
        "plugin_id  tags",
        'jira       {"a": "b"}',
        "1 plugin(s)",
    ]
    counted = (
        '{"aggregate": [{"group": {"keys": [{"k": "state", "n": "state"}],'
        ' "fields": [{"n": "plugins", "o": "count"}]}}]}'
    )
    assert plugins("stat", "--query", counted).stdout.splitlines() == [
        "state    plugins",
        "ENABLED  1",
        "1 row(s)",
    ]


def test_a_refusal_is_one_line_and_status_1(plugins: Plugins, domain: str) -> None:
    result = plugins("get", "none")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f'NOT_FOUND: plugin "none" does not exist in {domain}\n'


def test_a_refusal_as_json(plugins: Plugins, domain: str) -> None:
    result = plugins("get", "none", "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    assert json.loads(result.stdout) == {
        "error": {
            "type": "PluginNotFound",
            "code": "NOT_FOUND",
            "message": f'plugin "none" does not exist in {domain}',
            "details": {"plugin_id": "none", "spaceone_code": "ERROR_NO_PLUGIN"},
        }
    }


def test_no_answer_in_time(plugins: Plugins, live: Live) -> None:
    live.queries.pause()
    try:
        result = plugins("get", "none", "--timeout", "0.2", "--command-id", "mine")
    finally:
        live.queries.resume()
    assert result.exit_code == 1
    assert result.stderr == "TIMEOUT: no answer to mine within 0.2 s. Is a worker running?\n"


def test_no_redis(plugins: Plugins) -> None:
    result = plugins("get", "none", PLUGINS_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert result.exit_code == 1
    assert result.stderr.startswith("REDIS_UNAVAILABLE: ")


def test_the_same_command_id_again(plugins: Plugins) -> None:
    first = answer(plugins("register", *JIRA, "--command-id", "again", "--json"))
    assert answer(plugins("register", *JIRA, "--command-id", "again", "--json")) == first
    assert plugins("register", *JIRA).stderr.startswith("ALREADY_EXISTS: ")


@pytest.mark.parametrize("command_id", ["\u00e9", "x" * 129, ""])
def test_a_command_id_that_is_none_is_refused_at_once(plugins: Plugins, command_id: str) -> None:
    for arguments in (("enable", "jira"), ("get", "jira")):
        result = plugins(*arguments, "--command-id", command_id)
        assert result.exit_code == 1
        assert result.stderr.startswith("INVALID_PARAMETER: ")
        assert "1 to 128 printable ASCII characters" in result.stderr


def test_an_expired_command(plugins: Plugins) -> None:
    assert plugins("register", *JIRA, "--expires", "0").stderr.startswith("DEADLINE_EXCEEDED: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["register", "--name", "x"], "Missing option '--service-type'"),
        (["get"], "Missing argument 'PLUGIN_ID'"),
        (["get", "x", "--colour", "red"], "No such option"),
        (["list", "--state", "ON"], "'ON' is not one of"),
        (["stat", "--query", "{"], "is not valid JSON"),
        (["stat", "--query", "[]"], "must be a JSON object"),
        (["stat", "--query", "@/no/such/file"], "cannot read /no/such/file: No such file"),
        (["update", "x", "--labels", "["], "is not valid JSON"),
        (["update", "x", "--expected-revision", "one"], "not a valid integer"),
        (["get", "x", "--timeout", "0"], "--timeout"),
        (["explode"], "No such command"),
        (["lst"], "Did you mean one of these?\n    list"),
        (["batch", "/no/such/file"], "No such file"),
    ],
)
def test_wrong_usage_is_status_2(plugins: Plugins, arguments: list[str], words: str) -> None:
    result = plugins(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_without_a_domain(plugins: Plugins) -> None:
    result = plugins("get", "x", PLUGINS_DOMAIN_ID="")
    assert result.exit_code == 2
    assert "--domain-id" in result.stderr
    assert plugins("get", "x", "--domain-id", "other", PLUGINS_DOMAIN_ID="").exit_code == 1


def write(operation: str, **params: Any) -> dict[str, Any]:
    return {"operation": operation, "params": params}


def test_a_batch_from_standard_input(plugins: Plugins) -> None:
    commands = [
        write("register", name="A", service_type="x.Y", image="acme/a") | {"id": "first"},
        write("plugin.disable", plugin_id="a"),
        write("enable", plugin_id="none") | {"id": "third"},
        write("enable", plugin_id="a", domain_id="another-domain") | {"id": "fourth"},
    ]
    lines = "\n\n".join(json.dumps(command) for command in commands)

    result = plugins("batch", "-", "--json", input=lines)

    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert rows[0]["id"] == "first"
    assert rows[1]["result"]["state"] == "DISABLED"
    assert [row["error"]["code"] for row in rows[2:]] == ["NOT_FOUND", "NOT_FOUND"]


def test_a_batch_from_a_file_as_a_person_reads_it(plugins: Plugins, tmp_path: Path) -> None:
    file = tmp_path / "writes.json"
    file.write_text(json.dumps([write("register", name="A", service_type="x.Y", image="a") | {"id": "1"}]))

    result = plugins("batch", str(file))
    assert (result.exit_code, result.stdout) == (0, "1  a is at revision 1\n1 applied, 0 refused\n")

    file.write_text(json.dumps([write("register", name="A", service_type="x.Y", image="a") | {"id": "2"}]))
    result = plugins("batch", str(file))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].startswith("2  ALREADY_EXISTS: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1 of FILE is not valid JSON"),
        ("[", "FILE is not a valid JSON list"),
        ("[7]", "command 1 of FILE is not an object"),
        ('{"operation": "enable"}', 'has no "params" object'),
        ('{"operation": "enable", "params": {}, "parms": {}}', "has unknown parms"),
        ('{"operation": "get", "params": {}}', "plugin.get is not a write"),
        ('{"operation": "enable", "params": {}, "id": "x"}\n' * 2, "two commands have the id x"),
    ],
)
def test_a_file_that_is_no_batch(plugins: Plugins, text: str, words: str) -> None:
    result = plugins("batch", "-", input=text)
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_empty_batch_is_nothing_to_do(plugins: Plugins) -> None:
    assert plugins("batch", "-", input="").stdout == "0 applied, 0 refused\n"
