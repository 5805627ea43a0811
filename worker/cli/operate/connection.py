"""What the operator's commands have in common: their connections, and how an outage ends them."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis

from contracts.errors import ContractError
from worker.cli.caller import fail, fail_by_settings, read_settings
from worker.process.broker import Broker
from worker.services import Services
from worker.settings import SettingsError


@contextmanager
def connected(as_json: bool) -> Iterator[Services]:
    """Open the services of this deployment; wrong settings and outages end the command with status 1."""
    services = Services(read_settings(as_json))
    try:
        services.check()
        yield services
    except SettingsError as error:
        fail_by_settings(error, as_json)
    except ContractError as error:
        fail(error.code, error.message, as_json, type(error).__name__, error.details)
    except redis.RedisError as error:
        fail("REDIS_UNAVAILABLE", f"Redis does not answer: {error}", as_json, "RedisUnavailable", {})
    finally:
        services.close()


def partitions_of(services: Services) -> int:
    """Return the number of partitions in force, or the one in the settings before the first worker starts."""
    return Broker(services.broker).partitions() or services.settings.command_partitions
