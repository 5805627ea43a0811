"""What every command that sends a message has in common: the client, and how an outcome ends it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
import redis

from contracts._client.frames import MAX_EXPIRES_S
from contracts._redis.connect import open_redis
from contracts._redis.outage import redis_outage
from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from contracts.errors import ContractError, Unavailable
from worker.cli.param_types import Seconds
from worker.cli.text import to_json
from worker.process.partitions import Partitions
from worker.settings import Connections, SettingsError, load_connections
from worker.tasks.outages import outage_of
from worker.terminal import say, say_lines

CommandCallback = Callable[..., Any]
"""The function behind a click command."""

REFUSED = 1
"""The exit status of a command that was refused, is unavailable, or was not answered in time."""


@contextmanager
def ending_errors(as_json: bool) -> Iterator[None]:
    """End the command with status 1 at wrong settings, an error of the contract, or of Redis."""
    try:
        yield
    except SettingsError as error:
        if as_json:
            fail("WRONG_SETTINGS", str(error), as_json, "SettingsError", {})
        say_lines(str(error), err=True)
        sys.exit(REFUSED)
    except ContractError as error:
        told = outage_of(error).text if isinstance(error, Unavailable) else error.message
        fail(error.code, told, as_json, type(error).__name__, error.details)
    except redis.RedisError as error:
        outage = redis_outage(error, "")
        told = f"Redis does not answer: {error}" if outage.state == "away" else outage.text
        fail("REDIS_UNAVAILABLE", told, as_json, "RedisUnavailable", {})


def read_connections(as_json: bool) -> Connections:
    """Return the settings of a client; wrong ones end the command."""
    with ending_errors(as_json):
        return load_connections()


@contextmanager
def plugin_client(as_json: bool, *, writes: bool = True) -> Iterator[PluginClient]:
    """Open a client of this deployment. An error ends the command with one line and status 1.

    ``writes``: whether it sends writes. They go by the number of partitions in force, or, before the first
    worker has started, by the number in the settings.
    """
    settings = read_connections(as_json)
    try:
        number = (_partitions(settings.broker) if writes else None) or settings.command_partitions
    except ContractError as error:
        fail("REDIS_UNAVAILABLE", error.message, as_json, "RedisUnavailable", {})
    with ending_errors(as_json), PluginClient(settings.broker, settings.results, number) as client:
        try:
            yield client
        except AskTimeout as error:
            message = f"{error}. Is a worker running?{_resend(error, writes)}"
            details = {"command_id": error.command_id, **_ids(error)}
            fail("TIMEOUT", message, as_json, "AskTimeout", details)
        except RedisUnavailable as error:
            fail("REDIS_UNAVAILABLE", str(error), as_json, "RedisUnavailable", _ids(error))


def _resend(error: AskTimeout, writes: bool) -> str:
    if error.ids:
        return " Writes may still take effect: send them again with the same ids."
    return " A write may still take effect: send the same id again." if writes else ""


def _ids(error: AskTimeout | RedisUnavailable) -> dict[str, Any]:
    return {"ids": list(error.ids)} if error.ids else {}


def _partitions(url: str) -> int | None:
    with open_redis(url) as client:
        return Partitions(client).number()


def fail(code: str, message: str, as_json: bool, name: str, details: dict[str, Any]) -> NoReturn:
    """End with status 1: one line on standard error, or with ``--json`` the error on standard output."""
    if as_json:
        print_json({"error": {"type": name, "code": code, "message": message, "details": details}})
    else:
        say(f"{code}: {message}", err=True)
    sys.exit(REFUSED)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""The option of commands that do not send a message."""


def print_json(value: Any) -> None:
    """Write one JSON document to standard output."""
    say_lines(to_json(value, indent=2))


def sending_options(command: CommandCallback) -> CommandCallback:
    """Add the options of every command that waits for an answer."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too."),
        click.option(
            "--timeout",
            "timeout_s",
            type=Seconds(min=0, min_open=True),
            default=10.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the answer.",
        ),
        click.option(
            "--expires",
            "expires_s",
            type=Seconds(min=0, max=MAX_EXPIRES_S),
            metavar="SECONDS",
            help="The deadline, from now: after it the command is not applied.",
        ),
    ):
        command = option(command)
    return command
