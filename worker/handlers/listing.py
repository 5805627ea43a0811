"""List: one page out of the store and the remote repositories together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.commands import ListPlugins
from contracts.errors import QueryTimeout, RepositoryUnavailable, ResultTooLarge
from contracts.query import Page, Query, SortKey
from contracts.query.keys import root_of
from contracts.query.listing import MAX_ONLY
from contracts.values import MAX_ANSWER_BYTES
from worker.domain.ordering import keys_needed, sort_key
from worker.domain.projection import project
from worker.domain.repositories import Repositories, Repository, Selection
from worker.repositories.remote import Question, Remote
from worker.store.constants import Constants
from worker.store.refusals import too_many_bytes, too_many_rows
from worker.store.search import Search

Row = dict[str, Any]
Ranked = tuple[int, Row]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A remote that was asked; without ``question``, one in which no row can meet the query."""

    repository: Repository
    question: Question[tuple[list[Row], int]] | None


class Listing:
    """Answers list.

    Local and managed plugins come from one search of the store. Each remote in reach is asked, meanwhile, for
    as many rows from its first one on as the page could need of it. All rows are then put in one order, and
    ``total_count`` is the sum of what each has.
    """

    def __init__(
        self,
        search: Search,
        constants: Constants,
        repositories: Repositories,
        remotes: Mapping[str, Remote],
        max_results: int,
    ) -> None:
        self._search = search
        self._constants = constants
        self._repositories = repositories
        self._remotes = remotes
        self._max_results = max_results

    def answer(self, command: ListPlugins, own_only: bool) -> dict[str, Any]:
        """``{"results", "total_count"?, "unavailable"?}``. Raises ``RepositoryNotFound``,
        ``RepositoryUnavailable`` (unless ``partial``), and what ``Search`` raises.
        """
        selection = self._repositories.select(command.repository_id, own_only=own_only)
        shortcuts = {name: value for name, value in command.shortcuts.items() if name != "repository_id"}
        query = command.query or Query()
        if not selection.remote:
            page = self._store(command.domain_id, query, shortcuts, selection)
            return _answer([row for _, row in page[0]], page[1])
        is_alone = len(selection.remote) == 1 and not selection.local and not selection.managed
        part = query if is_alone else self._part(query)
        asked = [self._ask(repository, part, shortcuts) for repository in selection.remote]
        try:
            return self._merged(command, query, part, selection, shortcuts, asked)
        finally:
            for each in asked:
                if each.question:
                    each.question.give_up()

    def _merged(
        self,
        command: ListPlugins,
        query: Query,
        part: Query,
        selection: Selection,
        shortcuts: dict[str, Any],
        asked: Sequence[_Asked],
    ) -> dict[str, Any]:
        ranked, total = self._store(command.domain_id, part, shortcuts, selection)
        unavailable = []
        for each in asked:
            try:
                found, count = each.question.result() if each.question else ([], 0)
            except (RepositoryUnavailable, QueryTimeout):
                if not command.partial:
                    raise
                unavailable.append(each.repository.repository_id)
                continue
            ranked += [(each.repository.rank, row) for row in found]
            total = None if total is None else total + count
        if any(len(rows) > self._max_results for rows in _by_rank(ranked)):
            raise self._too_large(query)
        # A page of one remote alone came as it is to be answered.
        rows = _page(ranked, query) if part is not query else [row for _, row in ranked]
        page = [project(row, query.fields) for row in rows]
        self._check_size(page, query)
        answer = _answer(page, total)
        return answer | {"unavailable": unavailable} if unavailable else answer

    def _store(
        self, domain_id: str, query: Query, shortcuts: dict[str, Any], selection: Selection
    ) -> tuple[list[Ranked], int | None]:
        """The rows, with the ranks of their repositories, and the count of local and managed plugins."""
        all_managed = selection.managed == self._repositories.managed
        if not all_managed and selection.managed:
            named = [r.repository_id for r in selection.managed]
            named += [self._repositories.local.repository_id] * selection.local
            shortcuts = shortcuts | {"repository_info.repository_id": named}
        page = self._search.list(
            domain_id, query, shortcuts, local=selection.local, managed=bool(selection.managed)
        )
        return list(zip(page.ranks, page.rows, strict=True)), page.total_count

    def _part(self, query: Query) -> Query:
        """What each source is asked for: its first rows, as many as the page may need, with what they are
        sorted by.
        """
        most = self._max_results + 1
        wanted = min(query.page.skip + query.page.limit, most) if query.page.limit > 0 else most
        changes: dict[str, Any] = {"page": Page(start=1, limit=wanted), "minimal": False}
        if query.fields:
            changes["only"] = [*dict.fromkeys([*query.fields, *keys_needed(query)])]
        return query.model_copy(update=changes)

    def _ask(self, repository: Repository, query: Query, shortcuts: dict[str, Any]) -> _Asked:
        remote = self._remotes[repository.repository_id]
        asked = self._for_remote(query, remote)
        if asked is None:
            return _Asked(repository, None)
        if asked.fields:
            unknown = [key for key in asked.fields if root_of(key) not in remote.answers.known]
            only = [*dict.fromkeys([*unknown, "plugin_id"])]
            if len(only) > MAX_ONLY:
                only = [*dict.fromkeys(root_of(key) for key in only)]
            asked = asked.model_copy(update={"only": only, "minimal": False})
        # Without a limit, one row more than an answer may hold tells that there are too many.
        most = self._max_results + 1
        question = remote.ask(
            "list",
            lambda answer: remote.answers.rows(answer, asked, shortcuts, most),
            query=asked.model_dump(mode="json", exclude_defaults=True),
            **shortcuts,
        )
        return _Asked(repository, question)

    def _for_remote(self, query: Query, remote: Remote) -> Query | None:
        """The query as that remote can answer it; None if no row of its own can meet it.

        Who it is here, and whose plugins it offers, it does not know: what the query says about that is
        decided here, once for all of its rows.
        """
        known = remote.answers.known

        def is_known(item: Any) -> bool:
            return root_of(item.key) in known

        every = [c for c in query.filter if is_known(c)]
        either = [c for c in query.filter_or if is_known(c)]
        held = self._constants.hold([*every, *either], known)
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
        return query.model_copy(update=changes)

    def _check_size(self, page: Sequence[Row], query: Query) -> None:
        if len(page) > self._max_results:
            raise self._too_large(query)
        size = 0
        for row in page:
            size += len(json.dumps(row, ensure_ascii=False).encode())
            if size > MAX_ANSWER_BYTES:
                raise too_many_bytes()

    def _too_large(self, query: Query) -> ResultTooLarge:
        if query.page.limit > 0 and query.page.skip + query.page.limit > self._max_results:
            return ResultTooLarge(
                f"pages over several repositories end at row {self._max_results}: "
                "name one by repository_id to go further",
                details={"max_results": self._max_results},
            )
        return too_many_rows(self._max_results)


def _answer(rows: list[Row], total: int | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"results": rows}
    return answer if total is None else answer | {"total_count": total}


def _page(ranked: Sequence[Ranked], query: Query) -> list[Row]:
    key = sort_key(query)
    in_order = sorted(sorted(ranked, key=lambda item: item[0]), key=lambda item: key(item[1]))
    end = query.page.skip + query.page.limit if query.page.limit > 0 else len(in_order)
    return [row for _, row in in_order[query.page.skip : end]]


def _by_rank(ranked: Sequence[Ranked]) -> list[list[Row]]:
    grouped: dict[int, list[Row]] = {}
    for rank, row in ranked:
        grouped.setdefault(rank, []).append(row)
    return list(grouped.values())
