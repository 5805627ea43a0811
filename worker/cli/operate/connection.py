"""What the operator's commands have in common: their connections, and how an outage ends them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from worker.cli.caller import ending_errors, fail_by_settings, read_settings
from worker.process.broker import Broker
from worker.services import Services
from worker.settings import SettingsError


@contextmanager
def connected(as_json: bool) -> Iterator[Services]:
    """Open the services of this deployment; wrong settings and outages end the command with status 1."""
    with ending_errors(as_json), closing(Services(read_settings(as_json))) as services:
        try:
            services.check()
        except SettingsError as error:
            fail_by_settings(error, as_json)
        yield services


def partitions_of(services: Services) -> int:
    """Return the number of partitions in force, or the one in the settings before the first worker starts."""
    return Broker(services.broker).partitions() or services.settings.command_partitions
