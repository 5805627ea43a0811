"""The frame of a batch: what makes it wrong as a whole."""

from collections import Counter

from contracts.catalog import WRITES
from contracts.commands import MAX_BATCH_PER_PLUGIN, PluginBatch
from contracts.errors import InvalidParameter
from contracts.partition import address, partition
from contracts.values import is_command_id


def check_frame(batch: PluginBatch, partitions: int) -> None:
    """Refuse a whole batch whose frame is wrong.

    ``partitions``: their number; all items must belong to one.

    Raises: ``InvalidParameter`` with ``details.path``.
    """
    seen: set[str] = set()
    for index, item in enumerate(batch.commands):
        path = f"commands[{index}]"
        if not is_command_id(item.id):
            raise _bad(f"{path}.id", "must be 1 to 128 printable ASCII characters")
        if item.id in seen:
            raise _bad(f"{path}.id", "is used twice in the batch")
        if item.operation not in WRITES:
            raise _bad(f"{path}.operation", f"must be one of {', '.join(sorted(WRITES))}")
        seen.add(item.id)
    addresses = [address(item.operation, item.params) for item in batch.commands]
    # Items without a readable address concern no plugin, however many they are.
    for plugin, most in Counter(filter(all, addresses)).most_common(1):
        if most > MAX_BATCH_PER_PLUGIN:
            raise _bad("commands", f"has {most} commands for {plugin[1]}; {MAX_BATCH_PER_PLUGIN} are allowed")
    if partitions > 1 and len({partition(*where, partitions) for where in addresses}) > 1:
        raise _bad("commands", "belongs to several partitions; send a batch for each")


def _bad(path: str, expected: str) -> InvalidParameter:
    return InvalidParameter(f"{path} {expected}", details={"path": path})
