"""The stages of an aggregation: each one is an object with the stage's name as its only key."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag

from contracts.query.keys import ColumnKey, ColumnName
from contracts.query.paging import ColumnSort
from contracts.query.scalars import ScalarOrNull
from contracts.query.shape import NamedPart, Part, lengthened
from contracts.storable import INT64

MAX_NAMES = 50
"""The largest number of columns that one stage may make."""

_DATE_FORMAT = r"^(?:[^%\x00]|%[YmdHMSLjuUVGwzZ%])+$"


class Unwind(Part):
    """One row for each element of a list; rows without one are left out."""

    path: ColumnKey


class GroupKey(NamedPart):
    """A column to group by.

    ``date_format`` is ``year``, ``month``, ``day`` or a ``$dateToString`` format, for columns that are times.
    """

    key: ColumnKey
    name: ColumnName
    date_format: Annotated[str, StringConstraints(max_length=64, pattern=_DATE_FORMAT)] | None = None


class GroupCondition(NamedPart):
    """A condition on the rows that a field counts; it means the same as in ``filter``."""

    key: ColumnKey
    operator: Literal["eq", "not", "gt", "gte", "lt", "lte"]
    value: ScalarOrNull


GroupConditions = Annotated[list[GroupCondition], Field(max_length=MAX_NAMES)]


class CountField(NamedPart):
    """The number of rows; a ``key`` changes nothing."""

    operator: Literal["count"]
    name: ColumnName
    key: ColumnKey | None = None
    conditions: GroupConditions = []


class ArithmeticField(NamedPart):
    """The sum or average of the numbers."""

    operator: Literal["sum", "average"]
    name: ColumnName
    key: ColumnKey
    conditions: GroupConditions = []


class ValueField(NamedPart):
    """A value of the group. ``add_to_set`` is sorted, ``merge_objects`` ignores any value but objects."""

    operator: Literal["max", "min", "first", "last", "add_to_set", "merge_objects"]
    name: ColumnName
    key: ColumnKey


class PushedField(NamedPart):
    """One field of the objects that ``push`` makes."""

    key: ColumnKey
    name: ColumnName


class PushField(NamedPart):
    """A list with one object for each row."""

    operator: Literal["push"]
    name: ColumnName
    fields: Annotated[list[PushedField], Field(min_length=1, max_length=MAX_NAMES)]


GroupField = Annotated[
    CountField | ArithmeticField | ValueField | PushField,
    Field(discriminator="operator"),
    BeforeValidator(lengthened("key", "name", "operator", "fields")),
]


class Group(Part):
    """One row for each combination of the keys; at least one key or field."""

    keys: Annotated[list[GroupKey], Field(max_length=MAX_NAMES)] = []
    fields: Annotated[list[GroupField], Field(max_length=MAX_NAMES)] = []


class Count(Part):
    """One row with the number of rows; no row if there are none."""

    name: ColumnName


class ProjectField(NamedPart):
    """A column under a new name.

    ``size`` of a list; ``array_to_object`` of a list of ``{k, v}``; ``object_to_array`` the reverse. Each is
    null for any other value.
    """

    key: ColumnKey
    name: ColumnName
    operator: Literal["size", "array_to_object", "object_to_array"] | None = None


class Project(Part):
    """The columns to keep, and the keys of the group unless ``exclude_keys``."""

    fields: Annotated[list[ProjectField], Field(min_length=1, max_length=MAX_NAMES)]
    exclude_keys: bool = False


class UnwindStage(Part):
    unwind: Unwind


class GroupStage(Part):
    group: Group


class CountStage(Part):
    count: Count


class SortStage(Part):
    sort: ColumnSort


class ProjectStage(Part):
    project: Project


class LimitStage(Part):
    limit: Annotated[int, Field(ge=1, le=INT64[-1])]


class SkipStage(Part):
    skip: Annotated[int, Field(ge=0, le=INT64[-1])]


_STAGES = ("unwind", "group", "count", "sort", "project", "limit", "skip")


def _stage(data: Any) -> str | None:
    if not isinstance(data, dict):
        return f"<{type(data).__name__.removesuffix('Stage').lower()}>"
    return next((f"<{name}>" for name in _STAGES if name in data), None)


Stage = Annotated[
    Annotated[UnwindStage, Tag("<unwind>")]
    | Annotated[GroupStage, Tag("<group>")]
    | Annotated[CountStage, Tag("<count>")]
    | Annotated[SortStage, Tag("<sort>")]
    | Annotated[ProjectStage, Tag("<project>")]
    | Annotated[LimitStage, Tag("<limit>")]
    | Annotated[SkipStage, Tag("<skip>")],
    Discriminator(
        _stage,
        custom_error_type="query",
        custom_error_message="expected {expected}",
        custom_error_context={"expected": "an object with one of the keys " + ", ".join(_STAGES), "path": ""},
    ),
]
