"""The composition root: what a process is made of, from its settings."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import redis

from contracts.commands import BatchItem, PluginBatch
from contracts.errors import InternalFault
from contracts.plugin import PluginInfo
from worker.domain.allowed_registries import AllowedRegistries
from worker.domain.delivery import Delivery
from worker.domain.policy import Policy
from worker.domain.registry_hosts import check_registry
from worker.domain.repositories import Repositories
from worker.events.publish import Publisher
from worker.events.rejections import Rejections
from worker.events.sweep import Sweep
from worker.handlers.batch import BatchWriter, Outcome
from worker.handlers.read import Reader
from worker.handlers.write import Writer
from worker.settings import Settings
from worker.store.client import connect
from worker.store.dead_letters import DeadLetter, DeadLetters
from worker.store.plugins import Plugins
from worker.store.search import Search


@dataclass(frozen=True)
class Services:
    """Everything a process may need, made at first use and then kept; threads may share it, forks may not.

    ``registered`` is told of new plugins, to have their versions fetched.
    """

    settings: Settings
    registered: Callable[[list[PluginInfo]], None] = lambda plugins: None

    @cached_property
    def database(self) -> Any:
        return connect(self.settings.mongodb_url)

    @cached_property
    def redis(self) -> Any:
        """The Redis of the events."""
        return redis.Redis.from_url(
            self.settings.events, socket_timeout=10, socket_connect_timeout=3, health_check_interval=5
        )

    @cached_property
    def broker(self) -> Any:
        """The Redis of the commands."""
        return redis.Redis.from_url(
            self.settings.broker, socket_timeout=10, socket_connect_timeout=3, health_check_interval=5
        )

    @cached_property
    def repositories(self) -> Repositories:
        return Repositories.of(self.settings.repositories)

    @cached_property
    def plugins(self) -> Plugins:
        return Plugins(self.database)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.database)

    @cached_property
    def publisher(self) -> Publisher:
        source = f"/repositories/{self.repositories.local.repository_id}"
        return Publisher(self.redis, source, self.settings.events_maxlen)

    @cached_property
    def rejections(self) -> Rejections:
        return Rejections(self.redis)

    @cached_property
    def policy(self) -> Policy:
        allowed = AllowedRegistries.parse(self.settings.allowed_registries)
        return Policy(
            repository=self.repositories.local.info,
            registry=lambda kind, url: check_registry(allowed, kind, url),
            image_max_length=self.settings.image_max_length,
        )

    @cached_property
    def writer(self) -> Writer:
        return Writer(self.plugins, self.publisher, self.policy, self.registered)

    @cached_property
    def batches(self) -> BatchWriter:
        return BatchWriter(self.writer, self.park_item)

    def sweep(self, between: Callable[[], None] = lambda: None) -> Sweep:
        """A sweep of every kind of subject; ``between`` is called between its chunks."""
        return Sweep([self.plugins], self.publisher, between=between)

    @cached_property
    def search(self) -> Search:
        return Search(
            self.database["plugins"],
            max_results=self.settings.max_results,
            time_limit_s=self.settings.query_time_limit_s,
            has_managed=bool(self.repositories.managed),
        )

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.plugins, self.search, lambda: self.look, self.repositories)

    def apply_batch(self, batch: PluginBatch, delivery: Delivery) -> Iterator[tuple[BatchItem, Outcome]]:
        """The items of a batch with their outcomes."""
        return zip(batch.commands, self.batches.apply(batch.commands, delivery), strict=True)

    def park_item(self, item: BatchItem, bug: Exception) -> InternalFault:
        """Keep an item of a batch that met a bug as a command of its own."""
        raw = json.dumps({"task": item.operation, "id": item.id, "kwargs": item.params}).encode()
        return self.park(item.id, item.operation, "plugin.commands", raw, bug)

    def park(self, command_id: str, task: str, queue: str, raw: bytes, bug: Exception) -> InternalFault:
        """Keep a message that met a bug, and say how that is answered. One id is one letter, however often it
        is parked.
        """
        letter = DeadLetter(
            id=f"{task}:{command_id}",
            queue=queue,
            reason="fault",
            error=f"{type(bug).__name__}: {bug}",
            raw=raw,
            task=task,
            command_id=command_id,
            parked_at=datetime.now(UTC),
        )
        kept = self.dead_letters.keep(letter)
        return InternalFault(
            "the command met a fault of this service and was kept", details={"dead_letter_id": kept}
        )

    def close(self) -> None:
        """Close the connections that were opened."""
        for name in ("database", "redis", "broker"):
            if name in self.__dict__:
                opened = self.__dict__[name]
                (opened.client if name == "database" else opened).close()
