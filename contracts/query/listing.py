"""The query of list."""

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from contracts.query.filters import Conditions, Keyword
from contracts.query.keys import FieldKey
from contracts.query.paging import Page, Sort, SortKey, keys_of_sort
from contracts.query.shape import Part
from contracts.query.sums import check_sums

_BY_NAME = SortKey(key="name")

MAX_ONLY = 100
"""The largest number of fields in ``only``."""

MINIMAL = ("plugin_id", "name", "state", "image", "service_type", "registry_type", "provider")
"""The fields of a ``minimal`` answer."""

_NO_SORT = {
    "description": "Counts as not given.",
    "type": "object",
    "properties": {
        "key": {"enum": [None, ""]},
        "keys": {"enum": [None, []]},
        "desc": {"type": ["boolean", "null"]},
    },
    "additionalProperties": {"type": "null"},
}


def _also_no_sort(schema: dict[str, Any]) -> None:
    # Any of: without keys it is also several keys, of which there are none.
    schema["anyOf"] = [*schema.pop("oneOf"), _NO_SORT]


class Query(Part):
    """Which plugins to list, in which order, and how much of them.

    The rows meet every condition of ``filter``, one of ``filter_or`` (if there are any) and the ``keyword``:
    one of its words occurs in ``plugin_id``, ``name``, ``provider`` or ``labels``. ``k``, ``v`` and ``o`` are
    accepted for ``key``, ``value`` and ``operator``. ``only`` answers exactly the named fields and
    ``plugin_id``, and has priority over ``minimal``. ``no_count`` leaves ``total_count`` out, ``count_only``
    answers nothing else. The default order is ``name``; every order ends with ``plugin_id``, then the order
    of the repositories. Text is sorted by code point: capitals before small letters.
    """

    filter: Conditions = []
    filter_or: Conditions = []
    keyword: Keyword = ""
    only: Annotated[list[FieldKey], Field(max_length=MAX_ONLY)] = []
    minimal: bool = False
    count_only: bool = False
    no_count: bool = False
    sort: Annotated[Sort, Field(json_schema_extra=_also_no_sort)] = []
    page: Page = Page()

    @field_validator("sort", mode="before")
    @classmethod
    def _no_sort(cls, sort: Any) -> Any:
        """Accept ``{}`` and an empty ``key``, as SpaceONE's clients send them: they mean no sort, with any
        ``desc``.
        """
        if not isinstance(sort, dict):
            return sort
        given = {name: item for name, item in sort.items() if item is not None}
        is_empty = (
            given.keys() <= {"key", "keys", "desc"}
            and given.get("key", "") == ""
            and given.get("keys", []) == []
            and isinstance(given.get("desc", False), bool)
        )
        return [] if is_empty else sort

    @model_validator(mode="after")
    def _sums(self) -> Self:
        check_sums(filter=self.filter, filter_or=self.filter_or)
        return self

    @property
    def order(self) -> list[SortKey]:
        """The keys to sort by, without those that break ties."""
        return keys_of_sort(self.sort) or [_BY_NAME]

    @property
    def fields(self) -> tuple[str, ...]:
        """The keys to answer; empty for the whole plugin."""
        return tuple(self.only) or (MINIMAL if self.minimal else ())

    @property
    def words(self) -> list[str]:
        """The words of the keyword."""
        return self.keyword.split()
