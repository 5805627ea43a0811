"""List and stat, answered by MongoDB in one or two commands."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import CodecOptions, decode
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.command_cursor import CommandCursor
from pymongo.cursor import Cursor

from contracts.query import Page, Query, StatisticsQuery
from worker.domain.answer import AnswerSize, too_many_bytes, too_many_rows
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

_ASCII_TO_BSON = 6
"""A byte of BSON becomes at most so many of JSON in ASCII: a control character does."""

_RENDERED = 4_096
"""What the answer may say of a plugin that its document does not: names of fields, and whose plugin it is."""


@dataclass(frozen=True, slots=True)
class PageOfPlugins:
    """Rows of ``PluginInfo`` as JSON, or of the fields that were asked for, in the order of the query.

    ``total_count`` is None where it was not asked for. ``ranks`` are the places of the rows' repositories in
    the lookup order, for a merge with rows from elsewhere.
    """

    rows: Rows
    total_count: int | None
    ranks: Ranks


class Search:
    """Reads the ``plugins`` collection by query.

    ``plugins``: with majority read concern. ``max_results``: rows in one answer. ``time_limit_s``: what
    MongoDB may spend on one answer. ``has_managed``: whether managed repositories are configured, and so in
    reach unless a read says otherwise. ``now``: the time, UTC.

    Raises ``InvalidQuery``, ``ResultTooLarge``, ``QueryTimeout``, and ``StoreUnavailable`` when the store
    is away.
    """

    def __init__(
        self,
        plugins: Collection[Document],
        *,
        max_results: int = 10_000,
        time_limit_s: float = 5.0,
        has_managed: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # A page is decoded row by row: the bytes tell at once whether a row has an escaped key.
        raw: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)
        self._plugins = plugins.with_options(raw)
        self._database = plugins.database
        self._max_results = max_results
        self._time_limit_s = time_limit_s
        self._has_managed = has_managed
        self._now = now

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
        """The plugins that ``domain_id`` sees and the query and the shortcuts select.

        ``local``: its own; ``managed``: those of managed repositories (default: where any is configured),
        ``among``: of these alone, by id.
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
        """``{"results": [...]}``, and ``total_count`` when paged, over what ``domain_id`` sees; the reach is
        that of ``list``.
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
        """The documents of a page, in one command: a plain find wherever that will do."""
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
        """All of ``rows``, each with its size as BSON; they are read no further than they have room in one
        answer.
        """
        answer = AnswerSize()
        kept: Rows = []
        for row, size in rows:
            if len(kept) == self._max_results:
                raise too_many_rows(self._max_results)
            if not answer.add(row, at_most=_ASCII_TO_BSON * size + _RENDERED):
                raise too_many_bytes()
            kept.append(row)
        return kept

    def _total(self, stages: Sequence[Document], page: Page, found: int) -> int:
        """``total_count``: the page tells when it is the last one, else MongoDB counts."""
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
        with outage(), refusals(self._database, self._time_limit_s, query):
            yield
