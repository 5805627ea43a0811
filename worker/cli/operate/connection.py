"""What the operator's commands have in common: their connections."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from worker.cli.caller import ending_errors
from worker.process.partitions import Partitions
from worker.services import Services
from worker.settings import load_settings


@contextmanager
def connected(as_json: bool) -> Iterator[Services]:
    """Open the services of this deployment; wrong settings and outages end the command with status 1."""
    with ending_errors(as_json), closing(Services(load_settings())) as services:
        yield services


def partitions_of(services: Services) -> int:
    """Return the number of partitions in force, or the one in the settings before the first worker starts."""
    return Partitions(services.broker).number() or services.settings.command_partitions
