"""Where the rows of a list come from: the store, and remote repositories."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.commands import ListPlugins
from contracts.query import Page, Query, SortKey
from contracts.query.keys import root_of
from contracts.query.listing import MAX_ONLY
from worker.domain.repositories import Repository, Selection
from worker.repositories.remote.peer import Remote
from worker.store.condition import ConditionEvaluator
from worker.store.query import Shortcuts
from worker.store.search import Search

Row = dict[str, Any]
"""A ``PluginInfo`` as JSON, or the fields of one that were asked for."""


@dataclass(frozen=True, slots=True)
class SourceRows:
    """What a source has: rows in the order of the query, each with the rank of its repository, and their
    count before paging, None where it was not asked for.
    """

    rows: list[tuple[int, Row]]
    total: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to a source: ``result`` waits for the answer, ``give_up`` says that nobody does any more."""

    result: Callable[[], SourceRows]
    give_up: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One that is asked for rows. ``name`` is the id of the remote repository; None is the store,
    without which there is no answer.
    """

    ask: Callable[[Query], Asked]
    name: str | None = None


class Sources:
    """The sources of a list: one search of the store for all local and managed plugins, and each remote.

    ``max_results``: rows in one answer.
    """

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

    def of(self, command: ListPlugins, query: Query, selection: Selection) -> list[Source]:
        """The sources of the rows of ``query``, but for those in which no row can meet it, the store first:
        remotes think while it is searched.
        """
        shortcuts = {name: value for name, value in command.shortcuts.items() if name != "repository_id"}
        sources = []
        if selection.local or selection.managed:
            sources.append(self._store(command.domain_id, shortcuts, selection))
        for repository in selection.remote:
            changes = self._as_known(query, self._remotes[repository.repository_id])
            if changes is not None:
                sources.append(self._remote(repository, changes, shortcuts))
        return sources

    def _store(self, domain_id: str, shortcuts: Shortcuts, selection: Selection) -> Source:
        def find(query: Query) -> SourceRows:
            page = self._search.list(
                domain_id,
                query,
                shortcuts,
                local=selection.local,
                managed=bool(selection.managed),
                among=selection.among,
            )
            return SourceRows(list(zip(page.ranks, page.rows, strict=True)), page.total_count)

        return Source(lambda query: Asked(lambda: find(query)))

    def _remote(self, repository: Repository, changes: Mapping[str, Any], shortcuts: Shortcuts) -> Source:
        remote = self._remotes[repository.repository_id]
        # One row more than an answer may hold tells that there are too many, however many the remote answers.
        all_rows = {"page": Page(start=1, limit=self._max_results + 1)}

        def ask(query: Query) -> Asked:
            page = {} if query.page.limit > 0 or query.count_only else all_rows
            asked = query.model_copy(update={**changes, **_unknown_fields(query, remote), **page})
            question = remote.ask(
                "list",
                lambda answer: remote.answers.rows(answer, asked, shortcuts),
                query=asked.model_dump(mode="json", exclude_defaults=True),
                **shortcuts,
            )

            def result() -> SourceRows:
                rows, total = question.result()
                return SourceRows([(repository.rank, row) for row in rows], total)

            return Asked(result, question.give_up)

        return Source(ask, repository.repository_id)

    def _as_known(self, query: Query, remote: Remote) -> dict[str, Any] | None:
        """What of the query that remote is asked otherwise; None if no row of its own can meet it.

        Who it is here, and whose plugins it offers, it does not know: what the query says about that is
        decided here, once for all of its rows.
        """
        known = remote.answers.known

        def is_known(item: Any) -> bool:
            return root_of(item.key) in known

        every = [c for c in query.filter if is_known(c)]
        either = [c for c in query.filter_or if is_known(c)]
        held = self._evaluator.evaluate([*every, *either], known)
        changes: dict[str, Any] = {"filter": [c for c in query.filter if not is_known(c)]}
        if not all(held[: len(every)]):
            return None
        if either:
            rest = [c for c in query.filter_or if not is_known(c)]
            is_met = any(held[len(every) :])
            if not is_met and not rest:
                return None
            changes["filter_or"] = [] if is_met else rest
        order = [item for item in query.order if not is_known(item)]
        if order != query.order:
            changes["sort"] = order or [SortKey(key="plugin_id")]
        return changes


def _unknown_fields(query: Query, remote: Remote) -> dict[str, Any]:
    """The fields to ask a remote for: none of those that are known of it."""
    if not query.fields:
        return {}
    only = [key for key in query.fields if root_of(key) not in remote.answers.known]
    only = [*dict.fromkeys([*only, "plugin_id"])]
    if len(only) > MAX_ONLY:
        only = [*dict.fromkeys(root_of(key) for key in only)]
    return {"only": only, "minimal": False}
