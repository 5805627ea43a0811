"""What a remote repository answers, validated like any input: nothing of it is trusted."""

import json
from collections.abc import Collection
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, create_model

from contracts.plugin import PluginInfo, RepositoryInfo, plugin_id_of
from contracts.results import VersionsInfo
from contracts.values import MAX_PLUGIN_BYTES, Contract, Unstorable, check_json

MAX_VERSIONS = 100_000


class BadAnswer(ValueError):
    """Raised for an answer that is none; the text says why, and holds nothing of the answer."""


class _Rows(Contract):
    results: list[Any]
    total_count: Annotated[int, Field(ge=0)] | None = None


_FIELDS: dict[str, Any] = {
    name: (field.rebuild_annotation() | None, None) for name, field in PluginInfo.model_fields.items()
}
_PART: type[BaseModel] = create_model("PartOfPluginInfo", __base__=Contract, **_FIELDS)
"""A ``PluginInfo`` of which only some fields were asked for."""


class Answers:
    """Reads the answers of one remote repository.

    ``repository`` is who it is here, whatever it calls itself; ``domain_id`` is the domain whose plugins it
    offers, and whose plugins alone it may answer with.
    """

    def __init__(self, repository: RepositoryInfo, domain_id: str) -> None:
        self._repository = repository
        self._domain_id = domain_id

    @cached_property
    def known(self) -> dict[str, Any]:
        """The fields that are the same in each of its rows, as JSON."""
        return {"domain_id": self._domain_id, "repository_info": self._repository.model_dump(mode="json")}

    def plugin(self, answer: Any) -> dict[str, Any]:
        """The answer of ``plugin.get``, as JSON. Raises ``BadAnswer``."""
        return self._row(answer, PluginInfo)

    def plugin_of(self, answer: Any, plugin_id: str) -> dict[str, Any]:
        """The same, and of the plugin that was asked for."""
        row = self.plugin(answer)
        if row["plugin_id"] != plugin_id:
            raise BadAnswer("is another plugin")
        return row

    def rows(
        self, answer: Any, most: int, fields: Collection[str], *, counted: bool
    ) -> tuple[list[dict[str, Any]], int]:
        """The answer of ``plugin.list``: at most ``most`` rows, of ``fields`` (all for none), and
        ``total_count``, which is there if ``counted`` and else 0. Raises ``BadAnswer``.
        """
        given = _validated(_Rows, answer)
        if len(given.results) > most:
            raise BadAnswer(f"has {len(given.results)} rows; {most} were asked for")
        if counted and given.total_count is None:
            raise BadAnswer("has no total_count")
        if not fields:
            rows = [self._row(row, PluginInfo) for row in given.results]
        else:
            rows = [self._part(row, fields) for row in given.results]
        total = given.total_count or 0
        if counted and total < len(rows):
            raise BadAnswer("counts fewer rows than it has")
        return rows, total

    def versions(self, answer: Any) -> dict[str, Any]:
        """The answer of ``plugin.get_versions``, as JSON. Raises ``BadAnswer``."""
        _check_storable(answer)
        versions: VersionsInfo = _validated(VersionsInfo, answer)
        if len(versions.results) > MAX_VERSIONS or any(len(name) > 255 for name in versions.results):
            raise BadAnswer("has too many versions, or names too long for one")
        return versions.model_dump(mode="json", exclude_none=True)

    def _row(self, row: Any, model: type[BaseModel]) -> dict[str, Any]:
        text = _json_of(row)
        try:
            plugin = model.model_validate_json(text)
        except ValidationError as fault:
            raise BadAnswer(f"is no plugin: {_first(fault)}") from None
        read = plugin.model_dump(mode="json", exclude_none=True)
        if read.get("domain_id", self._domain_id) != self._domain_id:
            raise BadAnswer("is a plugin of another domain")
        if "image" in read and read.get("plugin_id") != plugin_id_of(read["image"]):
            raise BadAnswer("has a plugin_id that is not its image's")
        if "repository_info" in read:
            read["repository_info"] = self.known["repository_info"]
        return read

    def _part(self, row: Any, fields: Collection[str]) -> dict[str, Any]:
        read = self._row(row, _PART)
        if "plugin_id" not in read or read.keys() - set(fields):
            raise BadAnswer("has other fields than were asked for")
        return read


def _validated(model: type[Any], answer: Any) -> Any:
    try:
        return model.model_validate(answer)
    except ValidationError as fault:
        raise BadAnswer(f"has the wrong form: {_first(fault)}") from None


def _check_storable(value: Any) -> None:
    try:
        check_json(value)
    except Unstorable as fault:
        raise BadAnswer(f"holds a value that {fault.reason}") from None


def _json_of(row: Any) -> bytes:
    _check_storable(row)
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
    if len(text) > MAX_PLUGIN_BYTES:
        raise BadAnswer(f"is a plugin of more than {MAX_PLUGIN_BYTES} bytes")
    return text


def _first(fault: ValidationError) -> str:
    """Which field is wrong and how; a key is the model's own, or is not told."""
    first = fault.errors(include_input=False, include_url=False)[0]
    name = first["loc"][0] if first["loc"] else ""
    shown = name if name in PluginInfo.model_fields or name in _Rows.model_fields else "a field"
    return f"{shown}: {first['type']}"
