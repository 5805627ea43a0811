"""Sends commands, many in one round trip."""

import time
from typing import Any, Final

import celery

from contracts._client.answer import redis_errors
from contracts._client.command import Command, queue_for
from contracts._client.compose import Composer
from contracts._redis.patience import within
from contracts._redis.url import LATE_S, SEND_S

MAX_CHUNK: Final = 250
"""The most commands that are sent in one round trip."""

MAX_CHUNK_BYTES: Final = 1_000_000
"""Commands of so many bytes are sent, without waiting for more of them."""

FLUSH_S: Final = 0.05
"""Commands are sent, without waiting for more of them, so many seconds after the last ones."""


class Sender:
    """Collects commands, and pushes them to their queues in the order given.

    ``partitions``: the number of partitions of the deployment. ``timeout_s``: for an answer; None: for none.
    """

    def __init__(
        self, app: celery.Celery, partitions: int, composer: Composer, timeout_s: float | None
    ) -> None:
        self._patience_s = SEND_S if timeout_s is None else min(SEND_S, timeout_s + LATE_S)
        self.waiting: dict[str, Command] = {}
        """The commands by id that were not sent yet, or may not have arrived."""
        self._app = app
        self._partitions = partitions
        self._composer = composer
        self._elements: dict[str, list[str]] = {}
        self._bytes = 0
        self._flushed_at = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to ``flush``."""
        return (
            len(self.waiting) >= MAX_CHUNK
            or self._bytes >= MAX_CHUNK_BYTES
            or time.monotonic() - self._flushed_at >= FLUSH_S
        )

    def add(self, command: Command) -> None:
        """Add a command to those that the next ``flush`` sends."""
        queue = queue_for(command.task, command.params, self._partitions)
        element = self._composer.compose(command, queue)
        self._elements.setdefault(queue, []).append(element)
        self.waiting[command.id] = command
        self._bytes += len(element)

    def flush(self) -> None:
        """Send what was added.

        Raises: ``RedisUnavailable``: each queue has all of its commands, or none of them.
        """
        if self.waiting:
            patient, telling = within(self._patience_s), redis_errors(*self._elements)
            with telling, patient, self._app.connection_or_acquire() as connection:
                self._push(connection.default_channel)
        self.waiting = {}
        self._elements = {}
        self._bytes = 0
        self._flushed_at = time.monotonic()

    def _push(self, channel: Any) -> None:
        with channel.conn_or_acquire() as redis, redis.pipeline(transaction=False) as pipeline:
            for queue, elements in self._elements.items():
                # One LPUSH for a queue: of several, the next overtakes one that a full Redis refuses.
                pipeline.lpush(queue, *elements)
            pipeline.execute()
