"""`plugins batch`: many writes from a file."""

import json
import sys
from collections.abc import Iterator
from typing import IO, Any

import click

from contracts.client import AskTimeout, BatchOutcome, RedisUnavailable
from worker.cli.caller import REFUSED, plugin_client, print_json, sending_options
from worker.settings import DOMAIN_ID
from worker.terminal import say


@click.command(short_help="Apply many writes in order, each on its own.")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--domain-id",
    envvar=DOMAIN_ID,
    show_envvar=True,
    metavar="ID",
    help="The domain of commands without one.",
)
@sending_options
def batch(
    file: IO[str], domain_id: str | None, as_json: bool, timeout_s: float, expires_s: float | None
) -> None:
    """Apply the writes in FILE (- is standard input) in order, each on its own.

    FILE holds one JSON object a line, or a JSON list of objects: {"operation", "params"}. Add "id", the
    command id, if you may send the same file again. The exit status is 1 if a command was refused, or if an
    answer did not come in time: then the command ids are shown, in FILE's order. Send the commands again
    with these ids.

    \b
    Examples:
      plugins batch writes.jsonl
      echo '{"operation": "enable", "params": {"plugin_id": "jira"}}' | plugins batch -
    """
    commands = [_checked(number, item, domain_id) for number, item in enumerate(_items(_text(file)), 1)]
    with plugin_client(as_json) as client:
        try:
            outcomes = client.batch(commands, timeout_s=timeout_s, expires_s=expires_s)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        except (AskTimeout, RedisUnavailable) as error:
            if not as_json:
                for command_id in error.ids:
                    say(f"{command_id}  no answer")
            raise
    refused = [outcome for outcome in outcomes if outcome.error]
    if as_json:
        print_json([_row(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            say(_line(outcome))
        say(f"{len(outcomes) - len(refused)} applied, {len(refused)} refused")
    sys.exit(REFUSED if refused else 0)


def _text(file: IO[str]) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"FILE is not UTF-8: {error}") from None


def _items(text: str) -> Iterator[Any]:
    try:
        if text.lstrip().startswith("["):
            yield from json.loads(text)
            return
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"FILE is not a valid JSON list: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise click.UsageError(f"line {number} of FILE is not valid JSON: {error}") from None


def _checked(number: int, item: Any, domain_id: str | None) -> dict[str, Any]:
    if not isinstance(item, dict) or not isinstance(item.get("operation"), str):
        raise click.UsageError(f'command {number} of FILE is not an object with an "operation"')
    if unknown := set(item) - {"id", "operation", "params"}:
        raise click.UsageError(f"command {number} of FILE has unknown {', '.join(sorted(unknown))}")
    params = item.get("params")
    if not isinstance(params, dict):
        raise click.UsageError(f'command {number} of FILE has no "params" object')
    domain = {"domain_id": domain_id} if domain_id else {}
    return {**item, "params": domain | params}


def _row(outcome: BatchOutcome) -> dict[str, Any]:
    if outcome.error:
        return {"id": outcome.id, "error": outcome.error.as_dict()}
    return {"id": outcome.id, "result": outcome.result}


def _line(outcome: BatchOutcome) -> str:
    if outcome.error:
        return f"{outcome.id}  {outcome.error.code}: {outcome.error.message}"
    plugin = outcome.result or {}
    return f"{outcome.id}  {plugin.get('plugin_id')} is at revision {plugin.get('revision')}"
