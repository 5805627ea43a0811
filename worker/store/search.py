"""List and stat, answered by MongoDB in one or two commands."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bson import CodecOptions, decode
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

from contracts.query import Query, StatisticsQuery
from worker.store.outage import outage
from worker.store.query import (
    Reach,
    Shortcuts,
    compile_head,
    compile_projection,
    compile_sort,
    compile_statistics,
    fixed_keys,
)
from worker.store.refusals import refusals, too_many_bytes, too_many_rows
from worker.store.render import render_plugin, render_value

Document = dict[str, Any]
Rows = list[dict[str, Any]]
RawRows = list[RawBSONDocument]

_ESCAPE = b"~"


@dataclass(frozen=True, slots=True)
class PageOfPlugins:
    """Rows of ``PluginInfo`` as JSON, or of the fields that were asked for, in the order of the query.

    ``total_count`` is None where it was not asked for. ``ranks`` are the places of the rows' repositories in
    the lookup order, for a merge with rows from elsewhere.
    """

    rows: Rows
    total_count: int | None
    ranks: list[int]


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
        self._plugins = plugins.with_options(CodecOptions(RawBSONDocument))
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
    ) -> PageOfPlugins:
        """The plugins that ``domain_id`` sees and the query and the shortcuts select.

        ``local``: its own; ``managed``: those of managed repositories (default: where any is configured).
        """
        query = query or Query()
        shortcuts = shortcuts or {}
        reach = self._reach(domain_id, local, managed)
        if not reach.scopes:
            return PageOfPlugins([], None if query.no_count and not query.count_only else 0, [])
        with self._limits() as limit_ms:
            head = compile_head(reach, shortcuts, query, self._now())
            sort = compile_sort(query.order, fixed_keys(shortcuts, query))
            if query.count_only:
                return PageOfPlugins([], self._count(head, limit_ms()), [])
            documents = self._find(head, query, sort, limit_ms())
            total = None if query.no_count else self._total(head, query, len(documents), limit_ms)
        return _page(documents, domain_id, query, total)

    def stat(
        self,
        domain_id: str,
        query: StatisticsQuery,
        shortcuts: Shortcuts | None = None,
        *,
        local: bool = True,
        managed: bool | None = None,
    ) -> Document:
        """``{"results": [...]}``, and ``total_count`` when paged, over what ``domain_id`` sees."""
        reach = self._reach(domain_id, local, managed)
        is_paged = query.page.limit > 0
        if not reach.scopes:
            return {"results": [], "total_count": 0} if is_paged else {"results": []}
        with self._limits() as limit_ms:
            pipeline = compile_head(reach, shortcuts or {}, query, self._now())
            pipeline += compile_statistics(query, domain_id, self._max_results)
            documents = [decode(row.raw) for row in self._aggregate(pipeline, limit_ms())]
        rows = documents[0]["results"] if is_paged else documents
        self._check_size(rows)
        values = render_value([row["value"] for row in rows] if query.distinct else list(rows))
        if not is_paged:
            return {"results": values}
        total = documents[0]["total"]
        return {"results": values, "total_count": total[0]["count"] if total else 0}

    def _reach(self, domain_id: str, local: bool, managed: bool | None) -> Reach:
        return Reach(domain_id, local, self._has_managed if managed is None else managed)

    def _find(self, head: Sequence[Document], query: Query, sort: dict[str, int], limit_ms: int) -> RawRows:
        """The documents of a page, in one command: a plain find wherever that will do."""
        fields = compile_projection(query.fields)
        most = self._max_results + 1
        limit = min(query.page.limit, most) if query.page.limit > 0 else most
        if len(head) > 1:
            page: Rows = [
                {"$sort": sort},
                {"$skip": query.page.skip},
                {"$limit": limit},
                {"$project": fields},
            ]
            found = self._aggregate([*head, *page], limit_ms)
        else:
            # One row more than the limit lets the server close the cursor with the first batch.
            with self._plugins.find(
                head[0]["$match"],
                fields,
                sort=list(sort.items()),
                skip=query.page.skip,
                limit=limit,
                batch_size=limit + 1,
                max_time_ms=limit_ms,
                allow_disk_use=True,
            ) as cursor:
                first = next(cursor, None)
                self._check_whole(cursor.cursor_id)
                found = [] if first is None else [first, *cursor]
        self._check_size(found)
        return found

    def _aggregate(self, pipeline: Sequence[Document], limit_ms: int) -> RawRows:
        with self._plugins.aggregate(
            list(pipeline), batchSize=self._max_results + 2, maxTimeMS=limit_ms, allowDiskUse=True
        ) as cursor:
            self._check_whole(cursor.cursor_id)
            return [*cursor]

    def _total(self, head: Sequence[Document], query: Query, found: int, limit_ms: Callable[[], int]) -> int:
        """``total_count``: the page tells when it is the last one, else MongoDB counts."""
        is_last = query.page.limit <= 0 or found < query.page.limit
        if is_last and (found > 0 or query.page.skip == 0):
            return query.page.skip + found
        return self._count(head, limit_ms())

    def _count(self, head: Sequence[Document], limit_ms: int) -> int:
        counted = self._aggregate([*head, {"$count": "count"}], limit_ms)
        return int(counted[0]["count"]) if counted else 0

    def _check_whole(self, cursor_id: int | None) -> None:
        """A first batch that holds not all rows is one that reached 16 MiB: more than a reply may hold."""
        if cursor_id:
            raise too_many_bytes()

    def _check_size(self, rows: Sequence[Any]) -> None:
        if len(rows) > self._max_results:
            raise too_many_rows(self._max_results)

    @contextmanager
    def _limits(self) -> Iterator[Callable[[], int]]:
        """Yields what tells the milliseconds that are left for the next command."""
        deadline = time.monotonic() + self._time_limit_s
        with outage(), refusals(self._time_limit_s):
            yield lambda: max(1, int((deadline - time.monotonic()) * 1000))


def _page(documents: RawRows, domain_id: str, query: Query, total: int | None) -> PageOfPlugins:
    rows: Rows = []
    ranks: list[int] = []
    for raw in documents:
        document = decode(raw.raw)
        is_escaped = _ESCAPE in raw.raw  # few plugins have a key that is
        rows.append(render_plugin(document, domain_id, query.fields, is_escaped=is_escaped))
        ranks.append(document["rank"])
    return PageOfPlugins(rows, total, ranks)
