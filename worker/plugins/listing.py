"""List: one page from the store and the remote repositories together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.commands import ListPlugins
from contracts.errors import QueryTimeout, RepositoryUnavailable, ResultTooLarge
from contracts.query import Page, Query
from worker.domain.answer import AnswerSize, too_many_bytes, too_many_rows
from worker.domain.ordering import keys_needed, sort_key
from worker.domain.projection import project
from worker.domain.repositories import Repositories
from worker.plugins.sources import Row, Source, SourceRows, Sources
from worker.plugins.terms import Terms
from worker.repositories.remote.peer import Remote
from worker.store.condition import ConditionEvaluator
from worker.store.search import Search

Finds = Mapping[Source, SourceRows]


class Listing:
    """Answers list.

    One source is asked for the page itself. Several sources are asked at the same time, each for as many of
    its first rows as the page may need, and all rows are put in one order. For a later page, and if the first
    answer would be too large, these rows have only the fields to sort by; the rows of the page follow when it
    is known which they are. ``total_count`` is the sum over the sources.
    """

    def __init__(
        self,
        search: Search,
        evaluator: ConditionEvaluator,
        repositories: Repositories,
        remotes: Mapping[str, Remote],
        max_results: int,
    ) -> None:
        self._repositories = repositories
        self._sources = Sources(search, evaluator, remotes, max_results)
        self._max_results = max_results

    def answer(self, command: ListPlugins, terms: Terms) -> dict[str, Any]:
        """Return ``{"results", "total_count"?, "unavailable"?}``.

        Raises: ``RepositoryNotFound``, ``RepositoryUnavailable`` (unless ``partial``), and what ``Search``
        raises.
        """
        selection = self._repositories.select(command.repository_id, own_only=terms.own_only)
        query = command.query or Query()
        sources = self._sources.of(command, query, selection, terms.spent_s)
        asking = _Asking(command.partial)
        if len(sources) > 1:
            found, rows = self._merged(asking, sources, query)
        else:
            found = asking.of(dict.fromkeys(sources, query))
            rows = [row for each in found.values() for _, row in each.rows]
        if selection.remote:
            rows = [project(row, query.fields) for row in rows]
            self._check_size(rows, query, sources)
        answer: dict[str, Any] = {"results": rows}
        if query.count_only or not query.no_count:
            counts = [each.total or 0 for source, each in found.items() if source.name not in asking.away]
            answer["total_count"] = sum(counts)
        return answer | {"unavailable": asking.away} if asking.away else answer

    def _merged(self, asking: "_Asking", sources: Sequence[Source], query: Query) -> tuple[Finds, list[Row]]:
        """Return the first rows of several sources, and the rows of the page.

        Without a limit, one row more than an answer may have is among them if there are too many.
        """
        most = self._max_results + 1
        end = query.page.skip + query.page.limit if query.page.limit > 0 else most
        first = query.model_copy(update={"page": Page(start=1, limit=min(end, most))})
        if not query.page.skip:
            try:
                found = self._round(asking, sources, query, _with_keys(first))
                return found, [row for _, row in _in_order(found, query)[:end]]
            except ResultTooLarge as error:
                # The rows that are too large may not be on the page.
                if query.page.limit <= 0 or _is_of_rows(error):
                    raise
        bare = first.model_copy(update={"only": keys_needed(query), "minimal": False})
        found = self._round(asking, sources, query, bare)
        return found, _page(asking, found, query)

    def _round(self, asking: "_Asking", sources: Sequence[Source], query: Query, first: Query) -> Finds:
        """Return the first rows of each source. A source with more rows than an answer may have is refused:
        it could have more rows of the page than are known.
        """
        try:
            found = asking.of(dict.fromkeys(sources, first))
        except ResultTooLarge as error:
            raise self._too_many(query, sources) if _is_of_rows(error) else error from None
        if any(len(each.rows) > self._max_results for each in found.values()):
            raise self._too_many(query, sources)
        return found

    def _check_size(self, page: Sequence[Row], query: Query, sources: Sequence[Source]) -> None:
        if len(page) > self._max_results:
            raise self._too_many(query, sources)
        answer = AnswerSize()
        if not all(answer.add(row) for row in page):
            raise too_many_bytes()

    def _too_many(self, query: Query, sources: Sequence[Source]) -> ResultTooLarge:
        """Return the refusal of a list with too many rows."""
        end = query.page.skip + query.page.limit
        if len(sources) == 1 or query.page.limit <= 0 or end <= self._max_results:
            return too_many_rows(self._max_results)
        return ResultTooLarge(
            f"pages over several repositories end at row {self._max_results}: "
            "set repository_id to read further",
            details={"max_results": self._max_results},
        )


class _Asking:
    """Asks sources, in several rounds.

    ``away``: sources that a partial answer leaves out; they are not asked again.
    """

    def __init__(self, partial: bool) -> None:
        self._partial = partial
        self.away: list[str] = []

    def of(self, queries: Mapping[Source, Query]) -> Finds:
        """Return the answer of each source to its query; all are asked before it waits for any."""
        asked = {}
        found = {}
        try:
            for source, query in queries.items():
                if source.name in self.away:
                    continue
                asked[source] = source.ask(query)
            for source, each in asked.items():
                try:
                    found[source] = each.result()
                except (RepositoryUnavailable, QueryTimeout):
                    if source.name is None or not self._partial:
                        raise
                    self.away.append(source.name)
        finally:
            for each in asked.values():
                each.give_up()
        return found


def _is_of_rows(refusal: ResultTooLarge) -> bool:
    """Return whether an answer was refused for the number of its rows."""
    return "max_results" in refusal.details


def _page(asking: _Asking, found: Finds, query: Query) -> list[Row]:
    """Return the rows of a page with a limit; ``found`` has the first rows of each source, without most
    fields.
    """
    in_order = _in_order(found, query)
    before = Counter(source for source, _ in in_order[: query.page.skip])
    on_page = Counter(source for source, _ in in_order[query.page.skip :][: query.page.limit])
    part = _with_keys(query.model_copy(update={"no_count": True}))
    parts = {
        source: part.model_copy(update={"page": Page(start=before[source] + 1, limit=count)})
        for source, count in on_page.items()
    }
    return [row for _, row in _in_order(asking.of(parts), query)]


def _in_order(found: Finds, query: Query) -> list[tuple[Source, Row]]:
    """Return all rows in the order of the query; ties are in the order of the repositories."""
    key = sort_key(query)
    ranked = [(rank, row, source) for source, each in found.items() for rank, row in each.rows]
    ranked.sort(key=lambda item: item[0])
    ranked.sort(key=lambda item: key(item[1]))
    return [(source, row) for _, row, source in ranked]


def _with_keys(query: Query) -> Query:
    """Return the query for rows that have the keys to sort by, too."""
    if not query.fields:
        return query
    only = [*dict.fromkeys([*query.fields, *keys_needed(query)])]
    return query.model_copy(update={"only": only, "minimal": False})
