"""The composition root: what a process is made of, from its settings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from contracts._redis.connect import open_hasty_redis, open_redis
from contracts.commands import BatchItem, PluginBatch
from contracts.errors import InternalFault
from contracts.partition import COMMANDS
from contracts.plugin import PluginInfo
from worker.dead_letters.message import task_message
from worker.dead_letters.parking import Parking
from worker.domain.attempt import Attempt
from worker.domain.policy import Policy
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.registry.hosts import check_registry
from worker.domain.repositories import ManagedOptions, Repositories
from worker.domain.schedule import Intervals
from worker.events.publish import Publisher
from worker.events.reconcile import Reconcile
from worker.events.rejections import Rejections
from worker.events.sweep import Sweep
from worker.once import once
from worker.plugins.batch import BatchWriter, ItemOutcome
from worker.plugins.read import Reader
from worker.plugins.write import Writer
from worker.registries import (
    Credentials,
    Registries,
    load_credentials,
    parse_ca_files,
    parse_caps,
    parse_mirrors,
)
from worker.registries.budget.limits import Limits, parse_limits
from worker.repositories.managed.check import Fault, check
from worker.repositories.managed.folder import Watch
from worker.repositories.remote.peer import Remote
from worker.repositories.remote.remotes import open_remotes
from worker.settings import Settings, SettingsError
from worker.store.client import check_mongodb_url, connect_mongodb
from worker.store.condition import ConditionEvaluator
from worker.store.dead_letters import DeadLetters
from worker.store.managed import ManagedPlugins
from worker.store.plugins import Plugins
from worker.store.search import Search
from worker.versions.compose import Sync
from worker.versions.dispatch import Send


def _send_nothing(*, host: str, images: list[str], lease: str) -> None:
    """For processes that send no tasks: what is due is claimed again when the lease has passed."""


@dataclass(frozen=True)
class Services:
    """Everything a process may need, made at first use and then kept; threads may share it, forks may not.

    ``registered`` is told of new plugins, to have their versions fetched; ``send_refresh`` sends a task;
    ``stopping`` says whether the process has been told to end.
    """

    settings: Settings
    registered: Callable[[list[PluginInfo]], None] = lambda plugins: None
    send_refresh: Send = _send_nothing
    stopping: Callable[[], bool] = lambda: False

    def check(self) -> None:
        """Read every setting that has a language of its own. Raises ``SettingsError`` naming it."""
        given = self.settings
        readers: list[tuple[str, Callable[[], object]]] = [
            ("MONGODB_URL", lambda: check_mongodb_url(given.mongodb_url)),
            ("REPOSITORIES", lambda: self.repositories),
            ("ALLOWED_REGISTRIES", lambda: self.allowed),
            ("REGISTRY_MIRRORS", lambda: parse_mirrors(given.registry_mirrors)),
            ("REGISTRY_CREDENTIALS", lambda: load_credentials(given.registry_credentials)),
            ("REGISTRY_CA_FILES", lambda: parse_ca_files(given.registry_ca_files)),
            ("REGISTRY_CAPS", lambda: parse_caps(given.registry_caps)),
            ("REGISTRY_BUDGETS", lambda: parse_limits(given.registry_budgets)),
            ("SYNC_MIN_INTERVAL_S", lambda: self.intervals),
            ("REPOSITORIES", lambda: self.remotes),
        ]
        for name, read in readers:
            try:
                read()
            except ValueError as fault:
                raise SettingsError(f"wrong settings: PLUGINS_{name}: {fault}") from None

    @once
    def database(self) -> Any:
        return connect_mongodb(self.settings.mongodb_url)

    @once
    def redis(self) -> Any:
        """The Redis of the events."""
        return open_redis(self.settings.events)

    @once
    def broker(self) -> Any:
        """The Redis of the commands."""
        return open_redis(self.settings.broker)

    @once
    def repositories(self) -> Repositories:
        return Repositories.of(self.settings.repositories)

    @once
    def plugins(self) -> Plugins:
        return Plugins(self.database, self.repositories.local.info)

    @once
    def dead_letters(self) -> DeadLetters:
        return DeadLetters(self.database)

    @once
    def parking(self) -> Parking:
        return Parking(self.dead_letters, self.plugins)

    @once
    def publisher(self) -> Publisher:
        source = f"/repositories/{self.repositories.local.repository_id}"
        return Publisher(self.redis, source, self.settings.events_maxlen)

    @once
    def rejections_redis(self) -> Any:
        """The Redis of the events, for what no command waits for."""
        return open_hasty_redis(self.settings.events)

    @once
    def rejections(self) -> Rejections:
        return Rejections(self.rejections_redis)

    @once
    def policy(self) -> Policy:
        return Policy(
            repository=self.repositories.local.info,
            registry=lambda kind, url: check_registry(self.allowed, kind, url),
            credential=self._check_credential,
            image_max_length=self.settings.image_max_length,
        )

    @once
    def allowed(self) -> AllowedRegistries:
        return AllowedRegistries.parse(self.settings.allowed_registries)

    @once
    def credentials(self) -> Credentials:
        return load_credentials(self.settings.registry_credentials)

    @once
    def remotes(self) -> dict[str, Remote]:
        return open_remotes(self.repositories, self.credentials)

    def watch(self) -> Watch:
        """The thread that keeps the store in step with the configured repositories."""
        return Watch(ManagedPlugins(self.database), self.repositories, self.policy)

    def managed_faults(self) -> list[Fault]:
        """What is wrong with the documents of the managed repositories."""
        paths = [r.options.path for r in self.repositories.managed if isinstance(r.options, ManagedOptions)]
        return [fault for path in paths for fault in check(path, self.policy)]

    @once
    def registries(self) -> Registries:
        return Registries(
            allowed=self.allowed,
            mirrors=parse_mirrors(self.settings.registry_mirrors),
            credentials=self.credentials,
            caps=parse_caps(self.settings.registry_caps),
            ca_files=parse_ca_files(self.settings.registry_ca_files),
        )

    @once
    def intervals(self) -> Intervals:
        return Intervals(self.settings.sync_min_interval_s, self.settings.sync_max_interval_s)

    @once
    def sync(self) -> Sync:
        return Sync.build(
            self.database,
            self.redis,
            self.registries,
            self.publisher,
            self.send_refresh,
            domains=self.registries.domains,
            limits=Limits(parse_limits(self.settings.registry_budgets)),
            stopping=self.stopping,
            intervals=self.intervals,
        )

    def _check_credential(self, name: str, domain_id: str, registry_type: str, registry_url: str) -> bool:
        return self.registries.may_use(name, domain_id, registry_url.partition("/")[0])

    @once
    def writer(self) -> Writer:
        return Writer(
            self.plugins,
            self.publisher,
            self.policy,
            self.registered,
            has_managed=bool(self.repositories.managed),
        )

    @once
    def batches(self) -> BatchWriter:
        return BatchWriter(self.writer, self.park_item)

    def sweep(self, between: Callable[[], None] = lambda: None) -> Sweep:
        """A sweep of every kind of subject; ``between`` is called between its chunks."""
        return Sweep([self.plugins, self.sync.images], self.publisher, between=between)

    def reconcile(self) -> Reconcile:
        """What the stream is ahead of, of every kind of subject, and its repair."""
        return Reconcile([self.plugins, self.sync.images], self.publisher, self.redis)

    @once
    def search(self) -> Search:
        return Search(
            self.database["plugins"],
            max_results=self.settings.max_results,
            time_limit_s=self.settings.query_time_limit_s,
            has_managed=bool(self.repositories.managed),
        )

    @once
    def reader(self) -> Reader:
        return Reader(
            self.plugins,
            self.search,
            lambda: self.sync.look,
            self.repositories,
            self.remotes,
            ConditionEvaluator(self.database),
            self.settings.max_results,
            self.settings.query_time_limit_s,
        )

    def apply_batch(self, batch: PluginBatch, attempt: Attempt) -> Iterator[tuple[BatchItem, ItemOutcome]]:
        """The items of a batch with their outcomes."""
        return zip(batch.commands, self.batches.apply(batch.commands, attempt), strict=True)

    def park_item(self, item: BatchItem, bug: Exception) -> InternalFault:
        """Keep an item of a batch that met a bug as a command of its own."""
        raw = task_message(item.operation, item.id, item.params, COMMANDS)
        return self.park(item.id, item.operation, COMMANDS, raw, bug)

    def park(self, command_id: str, task: str, queue: str, raw: bytes, bug: Exception) -> InternalFault:
        """Keep a message that met a bug, and say how that is answered. One command is one letter, however
        often it is parked.
        """
        kept = self.parking.keep(command_id, task, queue, raw, bug)
        return InternalFault(
            "the command met a fault of this service and was kept", details={"dead_letter_id": kept}
        )

    def close(self) -> None:
        """Close the connections that were opened."""
        for name in ("database", "redis", "rejections_redis", "broker", "registries"):
            if name in self.__dict__:
                opened = self.__dict__[name]
                (opened.client if name == "database" else opened).close()
        if "remotes" in self.__dict__:
            for remote in self.remotes.values():
                remote.close()
