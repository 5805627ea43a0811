"""What every command that sends a message has in common: the client, and how an outcome ends it."""

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click
import redis

from contracts._client.frames import MAX_EXPIRES_S
from contracts._redis.connect import open_redis
from contracts.client import AskTimeout, PluginClient, RedisUnavailable
from contracts.errors import ContractError
from worker.cli.render import to_json
from worker.cli.text import printable
from worker.process.partitions import Partitions
from worker.settings import Connections, SettingsError, load_connections

Command = Callable[..., Any]

REFUSED = 1
"""The exit status of whatever was refused, is unavailable, or was not answered in time."""


def settings(as_json: bool = False) -> Connections:
    """Return the settings of a client; wrong ones end the command."""
    try:
        return load_connections()
    except SettingsError as fault:
        wrong_settings(fault, as_json)


def wrong_settings(fault: SettingsError, as_json: bool) -> NoReturn:
    """End with status 1, and the settings that are wrong."""
    if as_json:
        fail("WRONG_SETTINGS", str(fault), as_json, "SettingsError", {})
    click.echo(printable(str(fault)), err=True)
    sys.exit(REFUSED)


@contextmanager
def client(as_json: bool, *, writes: bool = True) -> Iterator[PluginClient]:
    """A client of this deployment. An error ends the command with one line and status 1.

    One that ``writes`` sends by the number of partitions in force, or by that of the settings where no worker
    has started yet.
    """
    given = settings(as_json)
    try:
        number = (_partitions(given.broker) if writes else None) or given.command_partitions
    except ContractError as fault:
        fail("REDIS_UNAVAILABLE", fault.message, as_json, "RedisUnavailable", {})
    with PluginClient(given.broker, given.results, number) as found:
        try:
            yield found
        except ContractError as fault:
            fail(fault.code, fault.message, as_json, type(fault).__name__, fault.details)
        except AskTimeout as fault:
            if fault.ids:
                again = "Writes may still take effect: send them again with the same ids."
            else:
                again = "A write may still take effect: send the same id again."
            message = f"{fault}. Is a worker running? {again}"
            fail("TIMEOUT", message, as_json, "AskTimeout", {"command_id": fault.command_id, **_ids(fault)})
        except RedisUnavailable as fault:
            fail("REDIS_UNAVAILABLE", str(fault), as_json, "RedisUnavailable", _ids(fault))
        except redis.RedisError as fault:
            fail("REDIS_UNAVAILABLE", str(fault), as_json, "RedisUnavailable", {})


def _ids(fault: AskTimeout | RedisUnavailable) -> dict[str, Any]:
    return {"ids": list(fault.ids)} if fault.ids else {}


def _partitions(url: str) -> int | None:
    with open_redis(url) as opened:
        return Partitions(opened).number()


def fail(code: str, message: str, as_json: bool, name: str, details: dict[str, Any]) -> NoReturn:
    """End with status 1: one line on standard error, or with ``--json`` the error on standard output."""
    if as_json:
        print_json({"error": {"type": name, "code": code, "message": message, "details": details}})
    else:
        click.echo(printable(f"{code}: {message}"), err=True)
    sys.exit(REFUSED)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(to_json(value, indent=2))


class Seconds(click.FloatRange):
    """A time in seconds, in a range. NaN is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value!r} is no time", param, ctx)
        return found


def sending_options(command: Command) -> Command:
    """Options of everything that waits for an answer."""
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
            help="Not applied when this long has passed.",
        ),
    ):
        command = option(command)
    return command
