"""What the operator's commands have in common: their connections, and what an outage says."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import redis

from contracts.errors import ContractError
from worker.cli.caller import fail, wrong_settings
from worker.process.partitions import Partitions
from worker.services import Services
from worker.settings import SettingsError, load_settings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@contextmanager
def connected(as_json: bool) -> Iterator[Services]:
    """The services of this deployment; wrong settings and outages end the command with status 1."""
    services = checked(as_json)
    try:
        yield services
    except ContractError as fault:
        fail(fault.code, fault.message, as_json, type(fault).__name__, fault.details)
    except redis.RedisError as fault:
        fail("REDIS_UNAVAILABLE", f"Redis does not answer: {fault}", as_json, "RedisUnavailable", {})
    finally:
        services.close()


def checked(as_json: bool = False) -> Services:
    """The services of this deployment, nothing dialled yet; wrong settings end the command."""
    try:
        return Services(load_settings())
    except SettingsError as error:
        wrong_settings(error, as_json)


def partitions_of(services: Services) -> int:
    """The number of partitions in force, or the one of the settings where no worker has started yet."""
    return Partitions(services.broker).number() or services.settings.command_partitions


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, or how long ago (``30m``, ``12h``, ``7d``)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if value[:-1].isdigit() and value[-1] in _UNITS:
            return datetime.now(UTC) - timedelta(**{_UNITS[value[-1]]: int(value[:-1])})
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither a time (2026-01-31T12:00:00Z) nor an age (30m, 12h, 7d)", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
