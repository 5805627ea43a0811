"""The thread that keeps the store in step with the configured repositories, in every commands worker."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from contracts.errors import Unavailable
from worker.domain.policy import Policy
from worker.domain.repositories import ManagedOptions, Repositories, Repository
from worker.repositories.managed.documents import (
    DocumentFault,
    FolderError,
    Signature,
    read_folder,
    signature,
)
from worker.store.managed import ManagedPlugins

logger = logging.getLogger(__name__)

POLL_S = 2.0
"""How often the folders are looked at."""

RELOAD_S = 300.0
"""How often a folder is loaded though it has not changed: a store that was restored is mended so."""


class Stopping(Exception):
    """Raised in the middle of a load when the process is to end."""


class Watch(threading.Thread):
    """Loads the folders of the managed repositories, at start and whenever they change.

    At start it also removes the documents of repositories that are configured no more, and has the local
    plugins say what the local repository is called now. This it does again every ``reload_s`` until there is
    none to change: a worker with the configuration of before may register others until it is replaced.
    Several processes may do this at once.
    """

    def __init__(
        self,
        store: ManagedPlugins,
        repositories: Repositories,
        policy: Policy,
        poll_s: float = POLL_S,
        reload_s: float = RELOAD_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(name="repositories", daemon=True)
        self._store = store
        self._repositories = repositories
        self._policy = policy
        self._poll_s = poll_s
        self._reload_s = reload_s
        self._clock = clock
        self._ending = threading.Event()
        self._begun = False
        self._rename_at: float | None = None
        self._away = False
        self._loaded: dict[str, tuple[Signature, float]] = {}
        self._told: Mapping[str, frozenset[DocumentFault]] = {}

    def run(self) -> None:
        wait_s = 0.0
        while not self._ending.wait(wait_s):
            wait_s = self._poll_s
            try:
                self.once()
                self._away = False
            except Stopping:
                return
            except Unavailable as outage:
                if not self._away:
                    logger.warning("the repositories wait: %s", outage.message)
                self._away = True
            except Exception:
                # A bug must not end the thread: the next look may be fine again.
                logger.exception("the repositories could not be looked at; they stay as they are")
            if self._begun and self._rename_at is None and not self._repositories.managed:
                return

    def stop(self) -> None:
        """End the thread; what it has not loaded is loaded at the next start."""
        self._ending.set()
        if self.is_alive():
            self.join(timeout=10)

    def once(self) -> None:
        """One look at everything. Raises ``StoreUnavailable``."""
        if not self._begun:
            self._begin()
        elif self._rename_at is not None and time.monotonic() >= self._rename_at:
            self._rename_at = self._next() if self._rename() else None
        for repository in self._repositories.managed:
            if isinstance(repository.options, ManagedOptions):
                self._look(repository, repository.options)

    def _begin(self) -> None:
        removed = self._store.forget(r.repository_id for r in self._repositories.managed)
        if removed:
            logger.info("removed %d plugins of repositories that are configured no more", removed)
        self._rename()
        self._rename_at = self._next()
        self._begun = True

    def _next(self) -> float:
        return time.monotonic() + self._reload_s

    def _rename(self) -> int:
        renamed = self._store.rename_local(self._repositories.local.info)
        if renamed:
            logger.info("%d plugins now say what the local repository is called", renamed)
        return renamed

    def _look(self, repository: Repository, options: ManagedOptions) -> None:
        """Load the folder if it is not as it was when it was last loaded. A bug that one repository brings to
        light leaves the others as they are.
        """
        name = repository.repository_id
        try:
            seen = signature(options.path)
            before, at = self._loaded.get(name, (None, 0.0))
            if seen != before or time.monotonic() - at > self._reload_s:
                self._load(repository, options)
                self._loaded[name] = (seen, time.monotonic())
        except FolderError as error:
            self._tell(name, frozenset({DocumentFault(options.path, None, str(error))}))
        except (Stopping, Unavailable):
            raise
        except Exception:
            logger.exception("repository %s could not be loaded; it stays as it is", name)

    def _load(self, repository: Repository, options: ManagedOptions) -> None:
        now = self._clock()
        contents = read_folder(options.path, repository.info, self._policy, now, self._check_ending)
        loaded = self._store.load(
            repository.info, repository.rank, contents.plugins, now, keep=contents.bad_files
        )
        self._tell(repository.repository_id, frozenset(contents.faults))
        if loaded.written or loaded.removed:
            logger.info(
                "repository %s: %d plugins written, %d removed",
                repository.repository_id,
                loaded.written,
                loaded.removed,
            )

    def _tell(self, repository_id: str, faults: frozenset[DocumentFault]) -> None:
        """Log what is wrong, each fault once until it is gone."""
        before = self._told.get(repository_id, frozenset())
        for fault in sorted(faults - before, key=str):
            logger.warning("repository %s: %s; what was loaded before stays", repository_id, fault)
        self._told = {**self._told, repository_id: faults}

    def _check_ending(self) -> None:
        if self._ending.is_set():
            raise Stopping
