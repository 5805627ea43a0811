"""The plugins of managed repositories: from a document to the stored plugin."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from contracts.commands import RegisterPlugin
from contracts.errors import InvalidParameter
from contracts.parse import parse
from contracts.plugin import PluginInfo, RepositoryInfo, State
from contracts.values import MAX_IMAGE_LENGTH, PART_PATTERN, Contract, Name, to_milliseconds
from worker.domain.completion import NOTHING_COMPLETED, Completion
from worker.domain.plugin import Changed, decide
from worker.domain.policy import Policy
from worker.domain.scope import MANAGED_PREFIX, NOBODY


def managed_key(repository_id: str, plugin_id: str) -> str:
    """Return the key of a managed plugin's document."""
    return f"{MANAGED_PREFIX}{repository_id}/{plugin_id}"


@dataclass(frozen=True, slots=True)
class ManagedDocument:
    """What a document of a managed repository says.

    ``times``: which of the plugin's times the document itself gives.
    ``left_out``: its fields that the reference knows, and that have no place here.
    """

    plugin: PluginInfo
    times: frozenset[str]
    left_out: frozenset[str]


class _Beside(Contract):
    """What a document may say beside the fields of ``RegisterPlugin``."""

    plugin_id: Name | None = None
    state: State = "ENABLED"
    created_at: datetime | None = None
    updated_at: datetime | None = None
    domain_id: None = Field(default=None, exclude=True)

    @field_validator("plugin_id")
    @classmethod
    def _is_one_part(cls, value: str | None) -> str | None:
        if value is not None and not PART_PATTERN.match(value):
            raise PydanticCustomError("plugin_id", "must be such as the last path part of an image is")
        return value


_BESIDE = frozenset(_Beside.model_fields)

_LEFT_OUT = frozenset({"docs", "project_id", "repository", "repository_id", "repository_info"})


def managed_plugin(
    document: Any,
    repository: RepositoryInfo,
    now: datetime,
    policy: Policy,
    completion: Completion = NOTHING_COMPLETED,
) -> ManagedDocument:
    """Return what an untrusted document says.

    A document has the fields of ``RegisterPlugin`` but ``domain_id``, under the rules of a registration, and
    may have ``plugin_id`` (the last path part of ``image``), ``state`` (``ENABLED``), ``created_at`` and
    ``updated_at`` (ISO 8601; no zone means UTC). ``resource_type`` is the same as ``service_type``. The limit
    of this deployment on the length of an ``image`` is for callers: here the operator chooses.

    ``completion``: gives what the document leaves open. Default: nothing.

    Raises: ``ContractError``.
    """
    if not isinstance(document, Mapping):
        raise InvalidParameter("the document must be an object: one plugin", details={"path": ""})
    left_out = _LEFT_OUT & document.keys()
    beside = _beside({name: value for name, value in document.items() if name in _BESIDE})
    arguments = {n: value for n, value in document.items() if n not in _BESIDE and n not in left_out}
    arguments = completion.complete(_with_service_type(arguments))
    command = parse(RegisterPlugin, arguments | {"domain_id": NOBODY})
    rules = replace(policy, repository=repository, image_max_length=MAX_IMAGE_LENGTH)
    decision = decide(None, 0, command, now, rules)
    if not isinstance(decision, Changed):
        raise TypeError("a registration of a new plugin changes something")
    times = {
        name: _in_utc(name, value)
        for name in ("created_at", "updated_at")
        if (value := getattr(beside, name)) is not None
    }
    if "created_at" in times:
        times.setdefault("updated_at", times["created_at"])
    said: dict[str, Any] = {"state": beside.state, "revision": None, **times}
    if beside.plugin_id is not None:
        said["plugin_id"] = beside.plugin_id
    return ManagedDocument(decision.plugin.model_copy(update=said), frozenset(times), left_out)


def _with_service_type(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with ``resource_type``, as the reference calls it today, as ``service_type``."""
    resource_type = arguments.pop("resource_type", None) or None
    service_type = arguments.get("service_type") or None
    if resource_type is None:
        return arguments
    if service_type is not None and service_type != resource_type:
        raise InvalidParameter(
            "resource_type is another name of service_type, and they differ",
            details={"path": "resource_type"},
        )
    return arguments | {"service_type": resource_type}


def _beside(fields: dict[str, Any]) -> _Beside:
    texts = {n: v for n, v in fields.items() if v is not None and v != ""}
    try:
        for name in ("created_at", "updated_at"):
            if name in texts:
                texts[name] = datetime.fromisoformat(texts[name])
    except (TypeError, ValueError):
        raise InvalidParameter(f"{name} must be an ISO 8601 time", details={"path": name}) from None
    try:
        return _Beside.model_validate(texts)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        path = str(first["loc"][0])
        if path == "domain_id":
            message = "domain_id is not a field of a managed plugin: every domain sees it"
        else:
            message = f"{path}: {first['msg']}"
        raise InvalidParameter(message, details={"path": path}) from None


def _in_utc(name: str, moment: datetime) -> datetime:
    try:
        utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise InvalidParameter(f"{name} is out of range", details={"path": name}) from None
    return to_milliseconds(utc)
