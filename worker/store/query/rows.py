"""The order of a list, and the fields of its rows."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from contracts.query import Page, SortKey
from contracts.query.keys import root_of, split_key
from worker.store.query.paths import DOMAIN, PLUGIN, REVISION, stored

RANK = "rank"
"""The place of the repository in the lookup order."""


_BY_PLUGIN_ID = SortKey(key="plugin_id")


def compile_sort(order: Sequence[SortKey], fixed: Collection[str] = ()) -> dict[str, int]:
    """Return the sort of a list: the given keys, then ``plugin_id``, then the order of the repositories.

    ``fixed``: keys with the same value in every row, as ``domain_id`` has. They decide nothing, and with them
    MongoDB would not see that an index has the rows in order.
    """
    sort: dict[str, int] = {}
    for item in (*order, _BY_PLUGIN_ID):
        if root_of(item.key) != DOMAIN and item.key not in fixed:
            sort.setdefault(stored(item.key), -1 if item.desc else 1)
    return {**sort, RANK: 1}


def compile_projection(fields: Iterable[str]) -> dict[str, Any]:
    """Return the projection to exactly ``fields`` (keys) and ``plugin_id``; to the whole plugin for none."""
    named = {split_key(key): stored(key) for key in fields}
    if not named:
        return {RANK: 1, REVISION: 1, PLUGIN: 1}
    named[("plugin_id",)] = stored("plugin_id")
    # MongoDB refuses a path together with one that leads to it: the shorter one holds the longer.
    paths = [
        path for parts, path in named.items() if not any(parts[:n] in named for n in range(1, len(parts)))
    ]
    # With _id no index has all of the fields: from an index, a missing field would come as null.
    return {"_id": 1, RANK: 1, **dict.fromkeys(paths, 1)}


def compile_page(page: Page, max_rows: int) -> list[dict[str, Any]]:
    """Return the stages that cut the page out of sorted rows: at most ``max_rows`` + 1 of them."""
    most = max_rows + 1
    limit = {"$limit": min(page.limit, most) if page.limit > 0 else most}
    return [{"$skip": page.skip}, limit] if page.skip else [limit]
