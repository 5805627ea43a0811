"""The order of a list and the fields of its rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from contracts.query import SortKey
from contracts.query.keys import root_of, split_key
from worker.store.query.paths import DOMAIN, PLUGIN, REVISION, stored

RANK = "rank"
"""The repository's place in the lookup order."""


def compile_sort(order: Sequence[SortKey]) -> dict[str, int]:
    """The sort of a list: the given keys, then ``plugin_id``, then the repositories' order.

    ``domain_id`` is the same in every row of an answer, and so decides nothing.
    """
    sort: dict[str, int] = {}
    for item in order:
        if root_of(item.key) != DOMAIN:
            sort.setdefault(stored(item.key), -1 if item.desc else 1)
    sort.setdefault(stored("plugin_id"), 1)
    sort.setdefault(RANK, 1)
    return sort


def compile_projection(fields: Iterable[str]) -> dict[str, Any]:
    """The projection to exactly ``fields`` (keys) and ``plugin_id``; to all of a plugin for none."""
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
