"""The scalar and free-form types that every message is made of, and the limits of JSON that the store can
hold.
"""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

MAX_DEPTH = 32
"""How deep a message's JSON may be nested; the keyword arguments themselves are level 1."""

MAX_PLUGIN_BYTES = 1024 * 1024
"""How large a ``PluginInfo`` may be, as UTF-8 JSON."""

# kombu's reader turns an object of exactly these keys into something else, or fails on it, and with it every
# answer that its caller waits for: stored by one tenant, it would reach the others through a shared gateway.
_KOMBU_OBJECT = {"__type__", "__value__"}

_INT64 = range(-(2**63), 2**63)
_COMMAND_ID = re.compile(r"[\x20-\x7e]{1,128}\Z")
_SECRET = re.compile(r"password|passwd|token|secret|api_?key|private_?key|access_?key", re.IGNORECASE)


class Contract(BaseModel):
    """A message or a part of one: immutable, nothing coerced, unknown fields refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings")


class Unstorable(ValueError):
    """Raised by ``check_json`` for what JSON or the store cannot hold; ``path`` is where, ``reason`` why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


def check_json(value: Any, path: str = "", depth: int = 1) -> None:
    """Refuse what the store cannot hold: depth over 32, integers over 64 bits, NaN, NUL, lone surrogates, and
    objects that kombu would not read back as objects.

    ``path`` is the path of ``value`` itself, ``depth`` its level. Raises ``Unstorable``.
    """
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, dict):
        if depth > MAX_DEPTH:
            raise Unstorable(path, f"nested deeper than {MAX_DEPTH} levels")
        if value.keys() == _KOMBU_OBJECT:
            raise Unstorable(path, "is nothing that Celery's callers read as an object")
        for key, item in value.items():
            if not isinstance(key, str):
                raise Unstorable(path, "has a key that is not a string")
            _check_text(key, path)
            check_json(item, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list):
        if depth > MAX_DEPTH:
            raise Unstorable(path, f"nested deeper than {MAX_DEPTH} levels")
        for index, item in enumerate(value):
            check_json(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if value not in _INT64:
            raise Unstorable(path, "is an integer beyond 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Unstorable(path, "is no finite number")
    else:
        raise Unstorable(path, "is no JSON value")


def _check_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise Unstorable(path, "holds a NUL character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unstorable(path, "holds a lone surrogate") from None


def is_command_id(value: object) -> bool:
    """Whether ``value`` can be a command id: 1 to 128 printable ASCII characters."""
    return isinstance(value, str) and _COMMAND_ID.match(value) is not None


def secret_key(value: Any, path: str) -> str | None:
    """The path of the first key in ``value``, at any depth, that looks like a secret; None when there is
    none.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            here = f"{path}.{key}"
            if _SECRET.search(key):
                return here
            if found := secret_key(item, here):
                return found
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if found := secret_key(item, f"{path}[{index}]"):
                return found
    return None


def _no_secret(value: dict[str, Any]) -> dict[str, Any]:
    if found := secret_key(value, "registry_config"):
        raise PydanticCustomError(
            "secret", "{key} looks like a secret: name a credential instead", {"key": found}
        )
    return value


def _repository_name(value: str) -> str:
    if not IMAGE_PATTERN.match(value):
        raise PydanticCustomError("image", "is no image repository name (no tag, no digest, no scheme)")
    return value


def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-01T08:02:38.094Z``. Without a zone it counts as UTC."""
    utc = value.astimezone(UTC) if value.tzinfo else value
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
IMAGE_PATTERN = re.compile(rf"{_PART}(?:/{_PART})*\Z")
"""An OCI repository name (OCI Distribution 1.1, "Pulling manifests")."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Image = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024),
    AfterValidator(_repository_name),
    Field(json_schema_extra={"pattern": rf"^{_PART}(?:/{_PART})*$"}),
]
JsonObject = dict[str, Any]
RegistryConfig = Annotated[JsonObject, AfterValidator(_no_secret)]
Label = Annotated[str, StringConstraints(max_length=255)]
Time = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
