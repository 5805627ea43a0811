"""The sources of a list: the store, and remote repositories."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from contracts.commands import ListPlugins
from contracts.query import Page, Query, SortKey
from contracts.query.keys import root_of
from contracts.query.listing import MAX_ONLY
from worker.domain.repositories import Selection
from worker.repositories.remote.peer import Question, Remote
from worker.store.condition import ConditionEvaluator
from worker.store.query import Shortcuts
from worker.store.search import Search

Row = dict[str, Any]
"""A ``PluginInfo`` as JSON, or the fields of one that were asked for."""


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The rows of a source.

    ``rows``: in the order of the query, each with the rank of its repository.
    ``total``: their number before paging; None if it was not asked for.
    """

    rows: list[tuple[int, Row]]
    total: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a source. ``result`` waits for the answer, ``give_up`` says that it is not needed."""

    result: Callable[[], SourceRows]
    give_up: Callable[[], None] = lambda: None


class Source(Protocol):
    """A source of rows. ``name``: the id of the remote repository, or None for the store."""

    @property
    def name(self) -> str | None: ...

    def ask(self, query: Query) -> Asked:
        """Ask for the rows of ``query`` and return at once."""


@dataclass(frozen=True, slots=True, eq=False)
class StoreSource:
    """All local and managed plugins: one search, when the answer is waited for."""

    search: Search
    domain_id: str
    shortcuts: Shortcuts
    selection: Selection
    name: None = None

    def ask(self, query: Query) -> Asked:
        return Asked(partial(self._find, query))

    def _find(self, query: Query) -> SourceRows:
        page = self.search.list(
            self.domain_id,
            query,
            self.shortcuts,
            local=self.selection.local,
            managed=bool(self.selection.managed),
            among=self.selection.among,
        )
        return SourceRows(list(zip(page.ranks, page.rows, strict=True)), page.total_count)


@dataclass(frozen=True, slots=True, eq=False)
class RemoteSource:
    """The plugins that a remote repository offers.

    ``changes``: the parts of a query that it is asked otherwise. ``max_results``: rows in one answer.
    """

    remote: Remote
    rank: int
    changes: Mapping[str, Any]
    shortcuts: Shortcuts
    max_results: int

    @property
    def name(self) -> str:
        return self.remote.info.repository_id

    def ask(self, query: Query) -> Asked:
        # One row more than an answer may have shows that there are too many, however many the remote sends.
        all_rows = {"page": Page(start=1, limit=self.max_results + 1)}
        page = {} if query.page.limit > 0 or query.count_only else all_rows
        asked = query.model_copy(update={**self.changes, **self._fields(query), **page})
        question = self.remote.ask(
            "list",
            lambda answer: self.remote.answers.rows(answer, asked, self.shortcuts),
            query=asked.model_dump(mode="json", exclude_defaults=True),
            **self.shortcuts,
        )
        return Asked(partial(self._rows, question), question.give_up)

    def _rows(self, question: Question[tuple[list[Row], int]]) -> SourceRows:
        rows, total = question.result()
        return SourceRows([(self.rank, row) for row in rows], total)

    def _fields(self, query: Query) -> dict[str, Any]:
        """Return the fields to ask for: without those whose values are known here."""
        if not query.fields:
            return {}
        only = [key for key in query.fields if root_of(key) not in self.remote.answers.known]
        only = [*dict.fromkeys([*only, "plugin_id"])]
        if len(only) > MAX_ONLY:
            only = [*dict.fromkeys(root_of(key) for key in only)]
        return {"only": only, "minimal": False}


class Sources:
    """Makes the sources of a list. ``max_results``: rows in one answer."""

    def __init__(
        self,
        search: Search,
        evaluator: ConditionEvaluator,
        remotes: Mapping[str, Remote],
        max_results: int,
    ) -> None:
        self._search = search
        self._evaluator = evaluator
        self._remotes = remotes
        self._max_results = max_results

    def of(self, command: ListPlugins, query: Query, selection: Selection, spent_s: float) -> list[Source]:
        """Return the sources that may have rows of ``query``, the store first: remotes work meanwhile.

        ``spent_s``: as in ``Terms``.
        """
        shortcuts = {name: value for name, value in command.shortcuts.items() if name != "repository_id"}
        sources: list[Source] = []
        if selection.local or selection.managed:
            search = self._search.after(spent_s)
            sources.append(StoreSource(search, command.domain_id, shortcuts, selection))
        for repository in selection.remote:
            remote = self._remotes[repository.repository_id]
            changes = self._decide_known(query, remote.answers.known)
            if changes is not None:
                sources.append(RemoteSource(remote, repository.rank, changes, shortcuts, self._max_results))
        return sources

    def _decide_known(self, query: Query, known: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the parts of a query that a remote is asked otherwise, or None if no row of it can match.

        A remote does not know its id and name here, nor the domain that asks. So the parts of the query on
        these fields, ``known``, are decided here, once for all of its rows.
        """
        every, other = _split(query.filter, known)
        either, other_or = _split(query.filter_or, known)
        held = self._evaluator.evaluate([*every, *either], known)
        is_met = any(held[len(every) :])
        if not all(held[: len(every)]) or (either and not is_met and not other_or):
            return None
        changes: dict[str, Any] = {"filter": other}
        if either:
            changes["filter_or"] = [] if is_met else other_or
        by_known, order = _split(query.order, known)
        if by_known:
            changes["sort"] = order or [SortKey(key="plugin_id")]
        return changes


def _split(items: Iterable[Any], known: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return the conditions or sort keys on known fields, and the others."""
    parts: tuple[list[Any], list[Any]] = ([], [])
    for item in items:
        parts[root_of(item.key) not in known].append(item)
    return parts
