"""The query of stat."""

from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from contracts.query.columns import check_columns
from contracts.query.faults import expected
from contracts.query.filters import Conditions, Keyword
from contracts.query.keys import FieldKey
from contracts.query.paging import Page
from contracts.query.shape import Part
from contracts.query.stages import Stage
from contracts.query.sums import check_sums

MAX_STAGES = 20
"""The largest number of stages in one aggregation."""


class StatisticsQuery(Part):
    """Statistics over the plugins that meet the conditions: exactly one of ``aggregate`` and ``distinct``.

    ``distinct`` answers the sorted values of a field, with lists flattened. The stages of ``aggregate`` work
    in order, on rows whose columns are first the fields of a plugin and then those that the stage before
    made. ``total_count`` is answered if ``page`` has a limit.
    """

    filter: Conditions = []
    filter_or: Conditions = []
    keyword: Keyword = ""
    aggregate: Annotated[list[Stage], Field(max_length=MAX_STAGES)] = []
    distinct: FieldKey | None = None
    page: Page = Page()

    @field_validator("distinct", mode="before")
    @classmethod
    def _no_distinct(cls, distinct: Any) -> Any:
        """Accept an empty string: it counts as not given."""
        return None if distinct == "" else distinct

    @model_validator(mode="after")
    def _sums(self) -> Self:
        check_sums(filter=self.filter, filter_or=self.filter_or)
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.aggregate) == bool(self.distinct):
            raise expected("exactly one of aggregate and distinct")
        check_columns(self.aggregate)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = super().__get_pydantic_json_schema__(core, handler)
        schema["properties"]["distinct"]["anyOf"].append({"const": ""})
        given = {
            "aggregate": {"type": "array", "minItems": 1},
            "distinct": {"type": "string", "minLength": 1},
        }
        schema["oneOf"] = [{"required": [name], "properties": {name: kind}} for name, kind in given.items()]
        return schema

    @property
    def words(self) -> list[str]:
        """The words of the keyword."""
        return self.keyword.split()
