"""The stream of refused writes: best effort, no command waits for it."""

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import redis

from contracts.errors import Refused
from contracts.events import REJECTIONS
from contracts.partition import address
from contracts.values import format_time

logger = logging.getLogger(__name__)

_MAXLEN = 100_000
_SHOWN = 255


Refusal = tuple[str, str, Mapping[str, Any], Refused]


class Rejections:
    """Adds to ``plugin.rejections``. An entry names the plugin and has no other parameters."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    def publish(self, command_id: str, operation: str, params: Mapping[str, Any], refusal: Refused) -> None:
        """Add a refusal. While Redis is away, the entry is lost and the command goes on."""
        self.publish_all([(command_id, operation, params, refusal)])

    def queue(self, pipe: Any, refused: Iterable[Refusal]) -> int:
        """TEMPORARY"""
        entries = [_entry(*one) for one in refused]
        for entry in entries:
            pipe.xadd(REJECTIONS, entry, maxlen=_MAXLEN, approximate=True)
        return len(entries)

    def collect(self, replies: Any) -> None:
        """TEMPORARY"""

    def publish_all(self, refused: Iterable[tuple[str, str, Mapping[str, Any], Refused]]) -> None:
        """Add several refusals, in one round trip."""
        entries = [_entry(*one) for one in refused]
        if not entries:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for entry in entries:
                    pipe.xadd(REJECTIONS, entry, maxlen=_MAXLEN, approximate=True)
                pipe.execute()
        except redis.RedisError as error:
            logger.warning("%d rejection(s) were not published: %s", len(entries), error)


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
