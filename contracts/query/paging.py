"""The order of the rows, and the part of them that a query asks for."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from contracts.query.keys import ColumnKey, FieldKey
from contracts.query.shape import Part
from contracts.storable import INT64

MAX_SKIP = 2**31
"""The largest number of rows to skip; no store holds more."""

MAX_SORT_KEYS = 16
"""The largest number of keys in one sort."""

_Int64 = Annotated[int, Field(ge=INT64[0], le=INT64[-1])]


class Page(Part):
    """``limit`` rows from row ``start`` on, counted from 1 (less counts as 1); 0 or less means all rows."""

    start: _Int64 = 1
    limit: _Int64 = 0

    @property
    def skip(self) -> int:
        """The number of rows before the page."""
        return min(max(self.start - 1, 0), MAX_SKIP) if self.limit > 0 else 0


class SortKey(Part):
    """One key of an order; text by code point: capitals before small letters."""

    key: FieldKey
    desc: bool = False


class ColumnSortKey(Part):
    """One key of an order of statistics rows; text by code point: capitals before small letters."""

    key: ColumnKey
    desc: bool = False


class SortKeys(Part):
    """Several keys; the first one decides first."""

    keys: Annotated[list[SortKey], Field(max_length=MAX_SORT_KEYS)] = []


class ColumnSortKeys(Part):
    """Several keys of statistics rows."""

    keys: Annotated[list[ColumnSortKey], Field(min_length=1, max_length=MAX_SORT_KEYS)]


def _form(data: Any) -> str:
    if isinstance(data, list):
        return "<list>"
    if isinstance(data, dict):
        return "<one>" if data.get("keys") is None else "<keys>"
    return "<keys>" if isinstance(data, SortKeys | ColumnSortKeys) else "<one>"


Sort = Annotated[
    Annotated[SortKey, Tag("<one>")]
    | Annotated[SortKeys, Tag("<keys>")]
    | Annotated[list[SortKey], Field(max_length=MAX_SORT_KEYS), Tag("<list>")],
    Discriminator(_form),
]
"""``{key, desc}``, ``{keys: [{key, desc}]}`` or a list."""

ColumnSort = Annotated[
    Annotated[ColumnSortKey, Tag("<one>")]
    | Annotated[ColumnSortKeys, Tag("<keys>")]
    | Annotated[list[ColumnSortKey], Field(min_length=1, max_length=MAX_SORT_KEYS), Tag("<list>")],
    Discriminator(_form),
]
"""The same three forms, for statistics rows."""


def keys_of_sort(sort: Any) -> list[Any]:
    """Return the keys of a sort, whichever form it has."""
    if isinstance(sort, list):
        return sort
    return list(sort.keys) if isinstance(sort, SortKeys | ColumnSortKeys) else [sort]
