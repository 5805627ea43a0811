"""The queue of a write. The partition is the unit of order."""

from typing import Any
from zlib import crc32

from contracts.plugin import plugin_id_of

COMMANDS = "plugin.commands"
QUERIES = "plugin.queries"
VERSIONS = "plugin.versions"


def partition(domain_id: str, plugin_id: str, partitions: int) -> int:
    """Return the partition of a plugin: unsigned IEEE CRC-32 of ``{domain_id}/{plugin_id}`` in UTF-8, modulo
    ``partitions``.
    """
    return crc32(f"{domain_id}/{plugin_id}".encode("utf-8", "surrogatepass")) % partitions


def queue_name(index: int, partitions: int) -> str:
    """Return the queue of a partition: ``plugin.commands``, or ``plugin.commands.{i}`` if there are more."""
    return COMMANDS if partitions == 1 else f"{COMMANDS}.{index}"


def command_queues(partitions: int) -> list[str]:
    """Return every queue that commands may be on, the one without a number first."""
    return (
        [COMMANDS] if partitions == 1 else [COMMANDS, *(queue_name(i, partitions) for i in range(partitions))]
    )


def address(operation: str, params: Any) -> tuple[str, str]:
    """Return ``(domain_id, plugin_id)`` of a write, from raw keyword arguments; unreadable parts are empty.

    A batch has the address of its first item: all items of a batch have one partition.
    """
    if not isinstance(params, dict):
        return "", ""
    if operation == "plugin.batch":
        items = params.get("commands")
        first = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
        return address(str(first.get("operation")), first.get("params"))
    if operation == "plugin.register":
        image = params.get("image")
        plugin_id: Any = plugin_id_of(image) if isinstance(image, str) else ""
    else:
        plugin_id = params.get("plugin_id")
    domain_id = params.get("domain_id")
    return domain_id if isinstance(domain_id, str) else "", plugin_id if isinstance(plugin_id, str) else ""


def queue_of(operation: str, params: Any, partitions: int) -> str:
    """Return the queue of a write."""
    if partitions == 1:
        return COMMANDS
    return queue_name(partition(*address(operation, params), partitions), partitions)
