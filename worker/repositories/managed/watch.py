"""The chore that keeps the store in step with the configured repositories, of every commands worker."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from contracts.errors import Unavailable
from worker.domain.policy import Policy
from worker.domain.repositories import ManagedOptions, Repositories, Repository
from worker.repositories.managed.folder import (
    DocumentFault,
    FolderError,
    Signature,
    read_folder,
    signature,
)
from worker.store.managed import ManagedPlugins

logger = logging.getLogger(__name__)

POLL_S = 2.0
"""Seconds between two looks at the folders."""

RELOAD_S = 300.0
"""Seconds after which an unchanged folder is loaded again, which mends a store that was restored."""


class Stopping(Exception):
    """Raised in the middle of a load when the process is to end."""


class FolderWatch:
    """Loads the folders of the managed repositories, at start and whenever they change.

    At start it also removes the plugins of repositories that are no longer configured, and gives the local
    plugins the present name of the local repository. It gives the name again every ``reload_s`` until no
    plugin has another one: a worker with the former configuration may register plugins until it is replaced.
    Several processes may do this at once.

    ``interval_s``: seconds between two looks. ``reload_s``: seconds after which a folder is loaded though it
    has not changed. ``stopping``: whether the process is to end; a load is then left for the next start.
    """

    name = "the look at the repositories"

    def __init__(
        self,
        store: ManagedPlugins,
        repositories: Repositories,
        policy: Policy,
        interval_s: float = POLL_S,
        reload_s: float = RELOAD_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.interval_s = interval_s
        self._store = store
        self._repositories = repositories
        self._policy = policy
        self._reload_s = reload_s
        self._clock = clock
        self._stopping = stopping
        self._begun = False
        self._rename_at: float | None = None
        self._loaded: dict[str, tuple[Signature, float]] = {}
        self._logged: Mapping[str, frozenset[DocumentFault]] = {}
        self._left_out: dict[str, str] = {}

    def run(self) -> None:
        """Look at everything once. Raises ``StoreUnavailable``."""
        if not self._begun:
            self._begin()
        elif self._rename_at is not None and time.monotonic() >= self._rename_at:
            self._rename_at = self._next() if self._rename() else None
        try:
            for repository in self._repositories.managed:
                if isinstance(repository.options, ManagedOptions):
                    self._look(repository, repository.options)
        except Stopping:
            return

    def _begin(self) -> None:
        removed = self._store.forget(r.repository_id for r in self._repositories.managed)
        if removed:
            logger.info("removed %d plugins of repositories that are no longer configured", removed)
        self._rename()
        self._rename_at = self._next()
        self._begun = True

    def _next(self) -> float:
        return time.monotonic() + self._reload_s

    def _rename(self) -> int:
        renamed = self._store.rename_local(self._repositories.local.info)
        if renamed:
            logger.info("%d plugins now have the present name of the local repository", renamed)
        return renamed

    def _look(self, repository: Repository, options: ManagedOptions) -> None:
        """Load the folder if it has changed since its last load. A bug that one repository brings to light
        leaves the others as they are.
        """
        name = repository.repository_id
        try:
            seen = signature(options.path)
            before, at = self._loaded.get(name, (None, 0.0))
            if seen != before or time.monotonic() - at > self._reload_s:
                self._load(repository, options)
                self._loaded[name] = (seen, time.monotonic())
        except FolderError as error:
            self._log(name, frozenset({DocumentFault(options.path, None, str(error))}))
        except (Stopping, Unavailable):
            raise
        except Exception:
            logger.exception("repository %s could not be loaded; it stays as it is", name)

    def _load(self, repository: Repository, options: ManagedOptions) -> None:
        now = self._clock()
        contents = read_folder(options, repository.info, self._policy, now, self._check_stopping)
        loaded = self._store.load(
            repository.info, repository.rank, contents.plugins, now, keep=contents.bad_files
        )
        self._log(repository.repository_id, frozenset(contents.faults))
        self._log_left_out(repository.repository_id, contents.left_out_text)
        if loaded.written or loaded.removed:
            logger.info(
                "repository %s: %d plugins written, %d removed",
                repository.repository_id,
                loaded.written,
                loaded.removed,
            )

    def _log(self, repository_id: str, faults: frozenset[DocumentFault]) -> None:
        """Log what is wrong, each fault once until it is gone."""
        before = self._logged.get(repository_id, frozenset())
        for fault in sorted(faults - before, key=str):
            logger.warning("repository %s: %s; what was loaded before stays", repository_id, fault)
        self._logged = {**self._logged, repository_id: faults}

    def _log_left_out(self, repository_id: str, text: str) -> None:
        """Log which fields have no place here, until that changes."""
        if text and text != self._left_out.get(repository_id):
            logger.info("repository %s: fields that have no place here are left out: %s", repository_id, text)
        self._left_out[repository_id] = text

    def _check_stopping(self) -> None:
        if self._stopping():
            raise Stopping
