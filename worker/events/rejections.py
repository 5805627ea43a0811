"""The stream of refused writes: best effort, no command waits for it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import redis

from contracts.errors import Refused
from contracts.events import REJECTIONS
from contracts.partition import address
from contracts.values import format_time

logger = logging.getLogger(__name__)

_MAXLEN = 100_000
_MAX_BYTES = 32 * 1024 * 1024
"""About how many bytes it has at most, so that refusals with long names do not fill Redis."""

_SHOWN = 255

Refusal = tuple[str, str, Mapping[str, Any], Refused]
"""A command id, its operation, its parameters, and why it is refused."""


class Rejections:
    """Adds to ``plugin.rejections``. An entry names the plugin and has no other parameters."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    def publish_all(self, refused: Iterable[Refusal]) -> None:
        """Add refusals, in one round trip. While Redis is away, they are lost and the commands go on."""
        with self._redis.pipeline(transaction=False) as pipe:
            count = self.queue(pipe, refused)
            if not count:
                return
            try:
                self.collect(pipe.execute(raise_on_error=False))
            except redis.RedisError as error:
                logger.warning("%d rejection(s) were not published: %s", count, error)

    def queue(self, pipe: Any, refused: Iterable[Refusal]) -> int:
        """Add the refusals to a pipeline without a transaction.

        Returns how many replies of the pipeline belong to them: give them to ``collect``.
        """
        entries = [_entry(*one) for one in refused]
        for entry in entries:
            size = sum(len(name) + len(value) for name, value in entry.items())
            pipe.xadd(REJECTIONS, entry, maxlen=min(_MAXLEN, _MAX_BYTES // size), approximate=True)
        return len(entries)

    def collect(self, replies: Sequence[Any]) -> None:
        """Log how many of the queued refusals were not added, if any."""
        failed = [reply for reply in replies if isinstance(reply, Exception)]
        if failed:
            logger.warning("%d rejection(s) were not published: %s", len(failed), failed[0])


def _entry(command_id: str, operation: str, params: Mapping[str, Any], refusal: Refused) -> dict[str, bytes]:
    domain_id, plugin_id = address(operation, dict(params))
    entry = {
        "id": command_id,
        "operation": operation,
        "domain_id": domain_id[:_SHOWN],
        "plugin_id": plugin_id[:_SHOWN],
        "code": refusal.code,
        "time": format_time(datetime.now(UTC)),
    }
    return {name: value.encode("utf-8", "replace") for name, value in entry.items()}
