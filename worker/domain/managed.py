"""The plugins of managed repositories: from a document to the stored plugin."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, ValidationError

from contracts.commands import RegisterPlugin
from contracts.errors import InvalidParameter
from contracts.parse import parse
from contracts.plugin import PluginInfo, RepositoryInfo, State
from contracts.values import Contract, Name, to_milliseconds
from worker.domain.plugin import Changed, decide
from worker.domain.policy import Policy
from worker.domain.scope import MANAGED_PREFIX, NOBODY


def managed_key(repository_id: str, plugin_id: str) -> str:
    """Return the key of a managed plugin's document."""
    return f"{MANAGED_PREFIX}{repository_id}/{plugin_id}"


class _Beside(Contract):
    """What a document may say beside the fields of ``RegisterPlugin``."""

    plugin_id: Name | None = None
    state: State = "ENABLED"
    created_at: datetime | None = None
    updated_at: datetime | None = None
    domain_id: None = Field(default=None, exclude=True)


_BESIDE = frozenset(_Beside.model_fields)


def managed_plugin(
    document: Any, repository: RepositoryInfo, now: datetime, policy: Policy
) -> tuple[PluginInfo, frozenset[str]]:
    """Return the plugin in an untrusted document, and which of its times the document itself says.

    A document has the fields of ``RegisterPlugin`` but ``domain_id``, under the rules of a registration, and
    may have ``plugin_id`` (which must be the last path part of ``image``), ``state`` (``ENABLED``),
    ``created_at`` and ``updated_at`` (ISO 8601; no zone means UTC).

    Raises: ``ContractError``.
    """
    if not isinstance(document, Mapping):
        raise InvalidParameter("the document must be an object", details={"path": ""})
    beside = _beside({name: value for name, value in document.items() if name in _BESIDE})
    arguments = {name: value for name, value in document.items() if name not in _BESIDE}
    command = parse(RegisterPlugin, arguments | {"domain_id": NOBODY})
    if beside.plugin_id is not None and beside.plugin_id != command.plugin_id:
        raise InvalidParameter(
            f"plugin_id must be the last path part of image, {command.plugin_id}",
            details={"path": "plugin_id"},
        )
    decision = decide(None, 0, command, now, replace(policy, repository=repository))
    if not isinstance(decision, Changed):
        raise TypeError("a registration of a new plugin changes something")
    times = {
        name: _in_utc(name, value)
        for name in ("created_at", "updated_at")
        if (value := getattr(beside, name)) is not None
    }
    if "created_at" in times:
        times.setdefault("updated_at", times["created_at"])
    plugin = decision.plugin.model_copy(update={"state": beside.state, "revision": None, **times})
    return plugin, frozenset(times)


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
