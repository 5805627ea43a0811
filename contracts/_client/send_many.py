"""Sends many commands that nobody waits for."""

from collections.abc import Iterable, Mapping
from typing import Any

from contracts._client.command import checked, distinct, read_ahead, read_commands
from contracts._client.sender import Sender
from contracts._client.unanswered import RedisUnavailable


def send_many(commands: Iterable[Mapping[str, Any]], sender: Sender) -> list[str]:
    """Send the commands as ``PluginClient.send_many`` does, and return their ids."""
    source = read_ahead(commands, checked(distinct(read_commands(commands))))
    unread = iter(source)
    ids = []
    try:
        for command in unread:
            ids.append(command.id)
            sender.add(command)
            if sender.is_due:
                sender.flush()
        sender.flush()
    except RedisUnavailable as error:
        unsent = [command.id for command in unread] if isinstance(source, list) else []
        error.ids = (*sender.waiting, *unsent)
        raise
    return ids
