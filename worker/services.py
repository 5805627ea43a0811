"""The composition root: what a process is made of, from its settings."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from contracts._redis.connect import RedisClients
from worker.dead_letters.parking import Parking
from worker.domain.clock import Clock
from worker.domain.policy import Policy
from worker.domain.registry.hosts import check_registry
from worker.events.mark import Mark
from worker.events.publish import Publisher
from worker.events.reconcile import Reconcile
from worker.events.rejections import Rejections
from worker.events.sweep import Sweep
from worker.plugins.listing import Listing
from worker.plugins.lookahead import Lookahead
from worker.plugins.read import Reader
from worker.plugins.write import Writer
from worker.registries import Budget, BudgetTable, Realms
from worker.registries.registries import Network, Registries
from worker.repositories.managed.watch import FolderWatch
from worker.repositories.remote.peer import Remote
from worker.repositories.remote.remotes import open_remotes
from worker.settings import Settings
from worker.store.client import connect_mongodb
from worker.store.condition import ConditionEvaluator
from worker.store.dead_letters import Caps, DeadLetters
from worker.store.image_store import ImageStore
from worker.store.managed import ManagedPlugins
from worker.store.plugins import Plugins
from worker.store.search import Search
from worker.store.stream_marks import StreamMark
from worker.versions.cycle import Cycle
from worker.versions.discover import Discovery
from worker.versions.dispatch import Dispatch, Send, send_nothing
from worker.versions.reader import VersionsReader
from worker.versions.refresh import Refresh
from worker.versions.subscribe import Subscription

T = TypeVar("T")
_making = threading.RLock()

if TYPE_CHECKING:
    once = cached_property
else:

    class once(cached_property):
        """A value that is made at first use, once, whichever thread comes first.

        ``cached_property`` with a lock, which the library's own has not since Python 3.12. A test may assign
        another value before the first use.
        """

        def __get__(self, instance: object | None, owner: type | None = None) -> object:
            with _making:
                return super().__get__(instance, owner)


class Services:
    """Everything a process may need, made at first use and then kept; threads may share it, forks may not.

    ``send_refresh``: sends a task. ``stopping``: returns whether the process is to end.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        send_refresh: Send = send_nothing,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.settings = settings
        self.clock = Clock.system()
        self._send_refresh = send_refresh
        self._stopping = stopping
        self._opened = ExitStack()
        self._redis_clients = self._close_later(RedisClients())

    def close(self) -> None:
        """Close the connections that were opened."""
        self._opened.close()

    @once
    def database(self) -> Any:
        database = connect_mongodb(self.settings.mongodb_url)
        self._opened.callback(database.client.close)
        return database

    @once
    def redis(self) -> Any:
        """The Redis of the events."""
        return self._redis_clients.open(self.settings.events)

    @once
    def broker(self) -> Any:
        """The Redis of the commands."""
        return self._redis_clients.open(self.settings.broker)

    @once
    def results(self) -> Any:
        """The Redis of the answers: the client of the events, where that is the same one."""
        return self._redis_clients.open(self.settings.results)

    @once
    def best_effort_results(self) -> Any:
        return self._redis_clients.open(self.settings.results, fail_fast=True)

    @once
    def rejections(self) -> Rejections:
        return Rejections(self._redis_clients.open(self.settings.events, fail_fast=True))

    @once
    def registries(self) -> Registries:
        return self._close_later(
            Registries(
                allowed=self.settings.allowed_registries,
                mirrors=self.settings.registry_mirrors,
                credentials=self.settings.registry_credentials,
                caps=self.settings.registry_caps,
                network=Network(
                    realms=Realms(self.settings.registry_realms),
                    proxy=self.settings.proxy,
                    ca_files=self.settings.registry_ca_files,
                ),
                stopping=self._stopping,
            )
        )

    @once
    def remotes(self) -> dict[str, Remote]:
        remotes = open_remotes(self.settings.repositories, self.settings.registry_credentials)
        return {name: self._close_later(remote) for name, remote in remotes.items()}

    @once
    def plugins(self) -> Plugins:
        return Plugins(self.database, self.settings.repositories.local.info)

    @once
    def dead_letters(self) -> DeadLetters:
        caps = Caps(self.settings.dead_letters_max, self.settings.dead_letters_max_bytes)
        return DeadLetters(self.database, caps)

    @once
    def parking(self) -> Parking:
        return Parking(self.dead_letters, self.plugins)

    @once
    def publisher(self) -> Publisher:
        source = f"/repositories/{self.settings.repositories.local.repository_id}"
        return Publisher(self.redis, source, self.settings.events_maxlen, self.settings.events_max_bytes)

    @once
    def policy(self) -> Policy:
        return Policy(
            repository=self.settings.repositories.local.info,
            registry=partial(check_registry, self.settings.allowed_registries),
            credential=self.settings.registry_credentials.may_use,
            image_max_length=self.settings.image_max_length,
        )

    @once
    def image_store(self) -> ImageStore:
        return ImageStore.of(self.database, self.settings.intervals)

    @once
    def budget(self) -> Budget:
        table = BudgetTable(self.settings.registry_budgets)
        return Budget(self.redis, table, slot_s=self.image_store.queue.claim_s)

    @once
    def dispatch(self) -> Dispatch:
        return Dispatch(self.image_store.queue, self.budget, self._send_refresh, self.clock)

    @once
    def refresh(self) -> Refresh:
        images, intervals, ask = self.image_store, self.settings.intervals, self.registries
        return Refresh(images, self.budget, ask, self.publisher, intervals, self.clock, self._stopping)

    @once
    def cycle(self) -> Cycle:
        return Cycle(self.dispatch, self.refresh, Discovery(self.image_store, self.clock))

    @once
    def versions_reader(self) -> VersionsReader:
        images, domains = self.image_store.images, self.registries.domains
        return VersionsReader(images, self.dispatch, self.clock, domains=domains)

    @once
    def writer(self) -> Writer:
        keep, has_managed = self.parking.keep_command, bool(self.settings.repositories.managed)
        return Writer(self.plugins, self.publisher, self.policy, keep, has_managed=has_managed)

    @once
    def lookahead(self) -> Lookahead:
        return self._close_later(Lookahead(self.writer))

    @once
    def search(self) -> Search:
        return Search(
            self.database["plugins"],
            max_results=self.settings.max_results,
            time_limit_s=self.settings.query_time_limit_s,
            has_managed=bool(self.settings.repositories.managed),
        )

    @once
    def listing(self) -> Listing:
        repositories, most = self.settings.repositories, self.settings.max_results
        return Listing(self.search, ConditionEvaluator(self.database), repositories, self.remotes, most)

    @once
    def reader(self) -> Reader:
        return Reader(
            self.plugins,
            self.search,
            lambda: self.versions_reader,
            self.settings.repositories,
            self.remotes,
            self.listing,
            self.settings.query_time_limit_s,
        )

    def sweep(self, between: Callable[[], None] = lambda: None) -> Sweep:
        """Return a sweep of every kind of subject; ``between`` is called between its chunks."""
        mark = Mark(self.redis, StreamMark(self.database))
        return Sweep([self.plugins, self.image_store.images], self.publisher, mark, between=between)

    def reconcile(self) -> Reconcile:
        """Return the search for what the stream is ahead of, of every kind of subject, and its repair."""
        return Reconcile([self.plugins, self.image_store.images], self.publisher, self.redis)

    def subscription(self) -> Subscription:
        """Return the chore that follows the images of new plugins."""
        return Subscription(self.redis, self.image_store, self.dispatch, self.clock)

    def folders(self) -> FolderWatch:
        """Return the chore that keeps the store in step with the configured repositories."""
        store = ManagedPlugins(self.database)
        return FolderWatch(store, self.settings.repositories, self.policy, stopping=self._stopping)

    def _close_later(self, opened: T) -> T:
        self._opened.callback(opened.close)  # type: ignore[attr-defined]
        return opened
