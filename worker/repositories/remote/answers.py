"""What a remote repository answers, validated like any input: nothing of it is trusted."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, get_args

from pydantic import BaseModel, Field, ValidationError, create_model
from pydantic_core import PydanticSerializationError, to_json

from contracts.errors import ContractError, RegistryNotAllowed, RegistryReason
from contracts.plugin import PluginInfo, RepositoryInfo, plugin_id_of
from contracts.query import Query
from contracts.query.keys import root_of
from contracts.results import VersionsInfo
from contracts.storable import Unstorable, check_json
from contracts.values import MAX_PLUGIN_BYTES, PART_PATTERN, Contract
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.registry.hosts import REGISTRY_TYPES, check_registry
from worker.domain.versions import is_version_name

MAX_VERSIONS = 100_000
MAX_TOTAL = 2**53
"""The highest count that every reader of JSON takes as it is."""


_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


class BadAnswer(ValueError):
    """Raised for an invalid answer. The text says why, and holds nothing of the answer."""


class _Rows(Contract):
    results: list[Any]
    total_count: Annotated[int, Field(ge=0, le=MAX_TOTAL)] | None = None


_FIELDS: dict[str, Any] = {
    name: (field.rebuild_annotation() | None, None) for name, field in PluginInfo.model_fields.items()
}
_PART: type[BaseModel] = create_model("PartOfPluginInfo", __base__=Contract, **_FIELDS)
"""A ``PluginInfo`` of which only some fields were asked for."""

_ALWAYS = frozenset(name for name, field in PluginInfo.model_fields.items() if field.is_required())
"""The fields that every plugin has."""

_KNOWN = frozenset(PluginInfo.model_fields)


def why_unavailable(details: Mapping[str, Any]) -> dict[str, str]:
    """Return what is usable of the details of a ``RegistryUnavailable`` that a remote answered."""
    known: dict[str, str] = {}
    if details.get("reason") in get_args(RegistryReason):
        known["reason"] = details["reason"]
    moment = details.get("next_try_at")
    if isinstance(moment, str) and _TIME.fullmatch(moment):
        known["next_try_at"] = moment
    return known


class Answers:
    """Reads the answers of one remote repository.

    ``repository``: who it is here, whatever it calls itself. ``domain_id``: the domain whose plugins it
    offers; it may answer with no others.
    """

    def __init__(self, repository: RepositoryInfo, domain_id: str) -> None:
        self._repository = repository
        self._domain_id = domain_id

    @cached_property
    def known(self) -> dict[str, Any]:
        """The fields that each of its rows has alike, as JSON."""
        return {"domain_id": self._domain_id, "repository_info": self._repository.model_dump(mode="json")}

    def plugin(self, answer: Any) -> dict[str, Any]:
        """Return the answer of ``plugin.get``, as JSON. Raises: ``BadAnswer``."""
        return self._row(answer, PluginInfo)

    def plugin_of(self, answer: Any, plugin_id: str) -> dict[str, Any]:
        """Return the answer of ``plugin.get`` for that plugin, as JSON. Raises: ``BadAnswer``."""
        row = self.plugin(answer)
        if row["plugin_id"] != plugin_id:
            raise BadAnswer("is another plugin")
        return row

    def rows(
        self, answer: Any, query: Query, shortcuts: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], int]:
        """Return the rows of an answer of ``plugin.list``, as JSON, and their ``total_count``.

        Each row gets the ``known`` fields; the count is 0 if the query has ``no_count``. One plugin may be
        there twice, from two repositories of the remote.

        ``query``, ``shortcuts``: what was asked. The query names no ``known`` field, and its page has a limit
        unless it only counts.

        Raises: ``BadAnswer``.
        """
        listing = _validated(_Rows, answer)
        most = 0 if query.count_only else query.page.limit
        if len(listing.results) > most:
            raise BadAnswer(f"has {len(listing.results)} rows; {most} were asked for")
        rows = [self._listed(row, query, shortcuts) for row in listing.results]
        if query.no_count and not query.count_only:
            return rows, 0
        return rows, _total(listing.total_count, query, len(rows), most)

    def versions(self, answer: Any) -> dict[str, Any]:
        """Return the answer of ``plugin.get_versions``, as JSON. Raises: ``BadAnswer``."""
        _check_storable(answer)
        versions: VersionsInfo = _validated(VersionsInfo, answer)
        if len(versions.results) > MAX_VERSIONS:
            raise BadAnswer("has too many versions")
        if not all(map(is_version_name, versions.results)):
            raise BadAnswer("has a name that no version can have")
        if versions.total_count != len(versions.results):
            raise BadAnswer("counts other versions than it has")
        if versions.synced_at is not None and not _TIME.fullmatch(versions.synced_at):
            raise BadAnswer("has a time that is none")
        return versions.model_dump(mode="json", exclude_none=True)

    def _row(self, row: Any, model: type[BaseModel]) -> dict[str, Any]:
        text = _json_of(row)
        # Each error of pydantic copies what it is about: the whole row for each field that is missing.
        if isinstance(row, dict) and (row.keys() - _KNOWN or (model is PluginInfo and _ALWAYS - row.keys())):
            raise BadAnswer("is not a plugin: it has other fields")
        try:
            read = model.model_validate_json(text).model_dump(mode="json", exclude_none=True)
        except ValidationError as error:
            raise BadAnswer(f"is not a plugin: {_first(error)}") from None
        except PydanticSerializationError:
            raise BadAnswer("has a time that does not exist in UTC") from None
        if read.get("domain_id", self._domain_id) != self._domain_id:
            raise BadAnswer("is a plugin of another domain")
        if "image" in read and not _may_have_its_id(read):
            raise BadAnswer("has a plugin_id that is not its image's")
        if read.get("revision", 1) < 1:
            raise BadAnswer("has an invalid revision")
        _check_registry(read)
        return read | self.known

    def _listed(self, row: Any, query: Query, shortcuts: Mapping[str, Any]) -> dict[str, Any]:
        asked = {root_of(key) for key in (*query.fields, "plugin_id")} if query.fields else set()
        if asked and isinstance(row, dict) and (row.keys() - asked or (asked & _ALWAYS) - row.keys()):
            raise BadAnswer("has other fields than were asked for")
        read = self._row(row, _PART if asked else PluginInfo)
        for name, value in shortcuts.items():
            wanted = value if isinstance(value, list) else [value]
            if (not asked or name in asked) and read.get(name) not in wanted:
                raise BadAnswer(f"has a row of another {name} than was asked for")
        return read


def _validated(model: type[Any], answer: Any) -> Any:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise BadAnswer(f"has the wrong form: {_first(error)}") from None


def _total(said: int | None, query: Query, found: int, most: int) -> int:
    """Return ``total_count``, which follows from the page if it is the last one."""
    if said is None:
        raise BadAnswer("has no total_count")
    seen = query.page.skip + found
    if query.count_only:
        return said
    if not found and query.page.skip:
        return min(said, query.page.skip)
    if found < most and said != seen:
        raise BadAnswer("counts other rows than it has")
    # It was counted a moment after the page was read.
    return max(said, seen)


def _may_have_its_id(read: Mapping[str, Any]) -> bool:
    """Return whether a plugin may have its id: its image's, or one of its own in a managed repository.

    A row without ``repository_info``, which was not asked for, may be of a managed one.
    """
    plugin_id = read.get("plugin_id", "")
    if plugin_id == plugin_id_of(read["image"]):
        return True
    kind = read.get("repository_info", {}).get("repository_type", "managed")
    return kind == "managed" and PART_PATTERN.match(plugin_id) is not None


def _check_registry(read: Mapping[str, Any]) -> None:
    """Refuse a ``registry_url`` that no registration stores."""
    if "registry_url" in read:
        kinds = [read["registry_type"]] if "registry_type" in read else sorted(REGISTRY_TYPES)
        if not any(_is_registry(kind, read["registry_url"]) for kind in kinds):
            raise BadAnswer("has an invalid registry_url")


def _is_registry(kind: str, url: str) -> bool:
    try:
        check_registry(AllowedRegistries(), kind, url)
    except RegistryNotAllowed:
        # It has the right form, and may well be allowed there.
        return True
    except ContractError:
        return False
    return True


def _check_storable(value: Any) -> None:
    try:
        check_json(value)
    except Unstorable as error:
        raise BadAnswer(f"holds a value that {error.reason}") from None


def _json_of(row: Any) -> bytes:
    _check_storable(row)
    text = to_json(row)
    if len(text) > MAX_PLUGIN_BYTES:
        raise BadAnswer(f"is a plugin of more than {MAX_PLUGIN_BYTES} bytes")
    return text


def _first(error: ValidationError) -> str:
    """Return which field is wrong and how. A key that is not one of the model is not shown."""
    first = error.errors(include_input=False, include_url=False)[0]
    name = first["loc"][0] if first["loc"] else ""
    shown = name if name in PluginInfo.model_fields or name in _Rows.model_fields else "a field"
    return f"{shown}: {first['type']}"
