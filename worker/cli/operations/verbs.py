"""One command for each operation of the catalog, made from its model."""

from typing import Any

import click

from contracts.catalog import BY_TASK, Operation
from worker.cli.caller import plugin_client, print_json, sending_options
from worker.cli.operations.parameters import arguments_of, parameters_of
from worker.cli.render import render
from worker.cli.table import write

_EXAMPLES = {
    "register": [
        "--name JIRA --service-type notification.Protocol --image acme/jira",
        "--name Hook --service-type monitoring.Webhook --image acme/hook --template @form.json",
    ],
    "update": ["jira --labels chat --labels urgent", "jira --tags '{}' --expected-revision 3"],
    "deregister": ["jira"],
    "enable": ["jira"],
    "disable": ["jira"],
    "get": ["jira", "jira --only name --only state --json"],
    "get_versions": ["jira"],
    "list": [
        "--state ENABLED --provider atlassian",
        """--query '{"filter": [{"k": "labels", "v": "chat", "o": "eq"}], "page": {"limit": 20}}'""",
    ],
    "stat": [
        """--query '{"distinct": "provider"}'""",
        """--query '{"aggregate": [{"group": {"keys": [{"k": "state", "n": "state"}], """
        """"fields": [{"n": "plugins", "o": "count"}]}}]}'""",
    ],
}


def command_of(verb: str) -> click.Command:
    """Return the command of an operation."""
    operation = BY_TASK[f"plugin.{verb}"]
    name = verb.replace("_", "-")

    def send(
        as_json: bool, timeout_s: float, expires_s: float | None, command_id: str | None, **options: Any
    ) -> None:
        asked = arguments_of(operation.command, options)
        with plugin_client(as_json, writes=operation.is_write) as client:
            answer = client.ask(
                operation.verb,
                timeout_s=timeout_s,
                expires_s=expires_s,
                command_id=command_id,
                **asked,
            )
        if as_json:
            print_json(answer)
        else:
            write(*render(operation, answer, asked))

    command = click.command(name, help=_help(operation, name), short_help=operation.summary)(
        click.option(
            "--command-id",
            metavar="ID",
            help="Default: a new one. After a time-out send the same id again: it has one effect.",
        )(sending_options(send))
    )
    command.params[:0] = parameters_of(operation.command)
    return command


def _help(operation: Operation, name: str) -> str:
    examples = "\n".join(f"  plugins {name} {line}" for line in _EXAMPLES[operation.verb])
    return f"{operation.summary}\n\n\b\nExamples:\n{examples}"


register = command_of("register")
update = command_of("update")
deregister = command_of("deregister")
enable = command_of("enable")
disable = command_of("disable")
get = command_of("get")
get_versions = command_of("get_versions")
list_plugins = command_of("list")
stat = command_of("stat")
