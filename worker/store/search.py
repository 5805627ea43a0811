"""List and stat, answered by MongoDB with one or two commands."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

from bson import CodecOptions, decode
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.command_cursor import CommandCursor
from pymongo.cursor import Cursor

from contracts.query import Page, Query, StatisticsQuery
from worker.domain.answer import AnswerSize, too_many_bytes, too_many_rows
from worker.domain.clock import Clock
from worker.store.client import Document
from worker.store.errors import outage, refusals
from worker.store.query import (
    Reach,
    Shortcuts,
    compile_head,
    compile_page,
    compile_projection,
    compile_sort,
    compile_statistics,
    fixed_keys,
)
from worker.store.render import render_plugin, render_value

Rows = list[dict[str, Any]]
Ranks = list[int]
RawCursor = Cursor[RawBSONDocument] | CommandCursor[RawBSONDocument]

_ESCAPE = b"~"

_JSON_TO_BSON = 6
"""The most bytes of JSON that one byte of BSON can become: a control character takes six."""

_RENDERED = 4_096
"""The most bytes of an answer for a plugin that its document does not have: names of fields, and its
domain.
"""


MAX_ROWS_BYTES = 24 * 1024 * 1024
"""How large all rows of an answer may be as BSON: an empty object takes three bytes as JSON, 13 as BSON, and
70 in memory.
"""


@dataclass(frozen=True, slots=True)
class PageOfPlugins:
    """The rows of a page, in the order of the query.

    ``rows``: ``PluginInfo`` as JSON, or the fields that were asked for.
    ``total_count``: None if it was not asked for.
    ``ranks``: the places of the rows' repositories in the lookup order, for a merge with rows from elsewhere.
    """

    rows: Rows
    total_count: int | None
    ranks: Ranks


class Search:
    """Reads the ``plugins`` collection by query.

    ``plugins``: with majority read concern.
    ``max_results``: the largest number of rows in one answer.
    ``time_limit_s``: the time that one answer may take, its parsing and MongoDB's part together, in seconds.
    ``has_managed``: whether managed repositories are configured, and so in reach unless a read says
    otherwise.
    ``clock``: default the system's.

    Raises: ``InvalidQuery``, ``ResultTooLarge``, ``QueryTimeout``; ``StoreUnavailable`` when the store is
    away.
    """

    def __init__(
        self,
        plugins: Collection[Document],
        *,
        max_results: int = 10_000,
        time_limit_s: float = 5.0,
        has_managed: bool = False,
        clock: Clock | None = None,
    ) -> None:
        # A page is decoded row by row: the bytes tell at once whether a row has an escaped key.
        raw: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)
        self._plugins = plugins.with_options(raw)
        self._database = plugins.database
        self._max_results = max_results
        self._time_limit_s = time_limit_s
        self._spent_s = 0.0
        self._has_managed = has_managed
        self._now = (clock or Clock.system()).now

    def after(self, spent_s: float) -> Self:
        """Return the same search for a query that has taken ``spent_s`` seconds of its time limit already."""
        search = copy(self)
        search._spent_s = spent_s
        return search

    def list(
        self,
        domain_id: str,
        query: Query | None = None,
        shortcuts: Shortcuts | None = None,
        *,
        local: bool = True,
        managed: bool | None = None,
        among: Sequence[str] = (),
    ) -> PageOfPlugins:
        """Return the plugins that ``domain_id`` sees and that the query and the shortcuts select.

        ``local``: search the domain's own plugins.
        ``managed``: search managed repositories, default ``has_managed``.
        ``among``: the ids of the managed repositories to search; empty for all.
        """
        query = query or Query()
        shortcuts = shortcuts or {}
        reach = self._reach(domain_id, local, managed, among)
        if not reach.scopes:
            return PageOfPlugins([], None if query.no_count and not query.count_only else 0, [])
        with self._limits(query):
            head = compile_head(reach, shortcuts, query, self._now())
            sort = compile_sort(query.order, fixed_keys(shortcuts, query))
            if query.count_only:
                return PageOfPlugins([], self._count(head), [])
            with self._find(head, query, sort) as cursor:
                rows, ranks = self._rows(cursor, domain_id, query)
            total = None if query.no_count else self._total(head, query.page, len(rows))
        return PageOfPlugins(rows, total, ranks)

    def stat(
        self,
        domain_id: str,
        query: StatisticsQuery,
        *,
        local: bool = True,
        managed: bool | None = None,
        among: Sequence[str] = (),
    ) -> Document:
        """Return ``{"results": [...]}`` over the plugins that ``domain_id`` sees, with ``total_count`` if
        paged.

        ``local``, ``managed``, ``among``: as for ``list``.
        """
        reach = self._reach(domain_id, local, managed, among)
        is_paged = query.page.limit > 0
        if not reach.scopes:
            return {"results": [], "total_count": 0} if is_paged else {"results": []}
        with self._limits(query):
            head = compile_head(reach, {}, query, self._now())
            stages = [*head, *compile_statistics(query, domain_id)]
            with self._aggregate([*stages, *compile_page(query.page, self._max_results)]) as cursor:
                rows = self._fitting((render_value(decode(row.raw)), len(row.raw)) for row in cursor)
            values = [row["value"] for row in rows] if query.distinct else rows
            if not is_paged:
                return {"results": values}
            return {"results": values, "total_count": self._total(stages, query.page, len(rows))}

    def _reach(self, domain_id: str, local: bool, managed: bool | None, among: Sequence[str]) -> Reach:
        return Reach(domain_id, local, self._has_managed if managed is None else managed, tuple(among))

    def _find(self, head: Sequence[Document], query: Query, sort: dict[str, int]) -> RawCursor:
        """Return the documents of a page, with one command: a plain find wherever that is enough."""
        fields = compile_projection(query.fields)
        if len(head) > 1:
            page = compile_page(query.page, self._max_results)
            return self._aggregate([*head, {"$sort": sort}, *page, {"$project": fields}])
        most = self._max_results + 1
        limit = min(query.page.limit, most) if query.page.limit > 0 else most
        return self._plugins.find(
            head[0]["$match"],
            fields,
            sort=list(sort.items()),
            skip=query.page.skip,
            limit=limit,
            # One row more than the limit lets the server close the cursor with the first batch.
            batch_size=limit + 1,
            allow_disk_use=True,
        )

    def _aggregate(self, pipeline: Sequence[Document]) -> CommandCursor[RawBSONDocument]:
        return self._plugins.aggregate(list(pipeline), batchSize=self._max_results + 2, allowDiskUse=True)

    def _rows(self, cursor: RawCursor, domain_id: str, query: Query) -> tuple[Rows, Ranks]:
        ranks: Ranks = []

        def row_of(raw: RawBSONDocument) -> tuple[dict[str, Any], int]:
            document = decode(raw.raw)
            ranks.append(document["rank"])
            is_escaped = _ESCAPE in raw.raw  # few plugins have a key that is
            return render_plugin(document, domain_id, query.fields, is_escaped=is_escaped), len(raw.raw)

        return self._fitting(map(row_of, cursor)), ranks

    def _fitting(self, rows: Iterable[tuple[dict[str, Any], int]]) -> Rows:
        """Return all of ``rows``, each given with its size as BSON; stop reading when they do not fit one
        answer.
        """
        answer = AnswerSize()
        kept: Rows = []
        held = 0
        for row, size in rows:
            if len(kept) == self._max_results:
                raise too_many_rows(self._max_results)
            held += size
            if held > MAX_ROWS_BYTES or not answer.add(row, at_most=_JSON_TO_BSON * size + _RENDERED):
                raise too_many_bytes()
            kept.append(row)
        return kept

    def _total(self, stages: Sequence[Document], page: Page, found: int) -> int:
        """Return ``total_count``: from the page itself if it is the last one, else MongoDB counts."""
        is_last = page.limit <= 0 or found < page.limit
        if is_last and (found > 0 or page.skip == 0):
            return page.skip + found
        return self._count(stages)

    def _count(self, stages: Sequence[Document]) -> int:
        with self._aggregate([*stages, {"$count": "count"}]) as cursor:
            counted = next(cursor, None)
        return int(counted["count"]) if counted else 0

    @contextmanager
    def _limits(self, query: Query | StatisticsQuery) -> Iterator[None]:
        with outage(), refusals(self._database, self._time_limit_s, query, self._spent_s):
            yield
