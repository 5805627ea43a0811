"""The scalar and free-form types of all messages, and the limits of their sizes."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError

# Public under this name too.
from contracts.storable import INT64 as INT64
from contracts.storable import KOMBU_TYPE as KOMBU_TYPE
from contracts.storable import MAX_DEPTH as MAX_DEPTH
from contracts.storable import Unstorable as Unstorable
from contracts.storable import bad_text as bad_text
from contracts.storable import check_json as check_json
from contracts.storable import is_kombus_own as is_kombus_own
from contracts.storable import path_of as path_of

MAX_COMMAND_BYTES = 512 * 1024
"""The largest command on its queue, in bytes: headers, and the body, which is in base64."""

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""The largest batch on its queue, in bytes."""

MAX_PLUGIN_BYTES = 1024 * 1024
"""The largest ``PluginInfo``, in bytes of UTF-8 JSON."""

MAX_CHANGED_BYTES = 32 * 1024 * 1024
"""How large the plugins that a batch changes may be, counted once for each change: in characters of JSON,
and 16 more for each object and list.
"""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""The largest answer, in bytes of JSON, as it is sent."""

MAX_NAME_LENGTH = 255
"""The longest name or id, in characters."""

MAX_IMAGE_LENGTH = 1024
"""The longest image name that there may be, in characters; a deployment allows callers fewer."""

SECRET_WORD = r"authorization|cookie|token|secret|passwd|password|(?:api|private|access)[_-]?key"  # noqa: S105  # a pattern, no secret
"""The words, in any case, that make a key look like that of a secret: a pattern for ``re``."""

_MEND_FIRST = {"extra_forbidden": 0, "union_tag_invalid": 1, "union_tag_not_found": 1, "missing": 2}

_COMMAND_ID = re.compile(r"[\x20-\x7e]{1,128}\Z")
_SECRET = re.compile(SECRET_WORD, re.IGNORECASE)


class Contract(BaseModel):
    """A message or a part of one: immutable, without coercion, unknown fields refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="strings")


class FirstWrong:
    """Marks a list that is refused by its first wrong element: pydantic's errors for 100,000 take 100 MB.

    It is pydantic's ``FailFast``, which cannot be part of a union.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: Any = handler(source)
        schema["fail_fast"] = True
        return cast(CoreSchema, schema)


def mending_order(error: ErrorDetails) -> int:
    """Return a key that sorts the errors of one value by what to mend first: an unknown field is often a
    misspelt one, and so the reason why another is missing.
    """
    return _MEND_FIRST.get(error["type"], len(_MEND_FIRST))


def is_command_id(value: object) -> bool:
    """Return whether ``value`` can be a command id: 1 to 128 printable ASCII characters."""
    return isinstance(value, str) and _COMMAND_ID.match(value) is not None


def looks_secret(name: str) -> bool:
    """Return whether a key looks like that of a secret."""
    return _SECRET.search(name) is not None


def secret_key(value: Any, path: str) -> str | None:
    """Return the path of the first key in ``value``, at any depth, that looks like a secret's, or None."""
    trail: list[int | str] = []
    if not _finds_secret(value, trail):
        return None
    return path_of(reversed(trail), path)


def _finds_secret(value: Any, trail: list[int | str]) -> bool:
    """Return whether there is such a key; ``trail`` then has the way to it, from its end."""
    if not isinstance(value, dict | list):
        return False
    parts: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in parts:
        if (isinstance(key, str) and looks_secret(key)) or _finds_secret(item, trail):
            trail.append(key)
            return True
    return False


def _no_secret(value: dict[str, Any]) -> dict[str, Any]:
    if found := secret_key(value, "registry_config"):
        raise PydanticCustomError(
            "secret", "{key} looks like a secret: name a credential instead", {"key": found}
        )
    return value


def _image(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.match(value):
        raise PydanticCustomError("image", "{why}", {"why": _why_no_image(value)})
    return value


def _why_no_image(value: str) -> str:
    """Return what to mend first, in words that do not repeat the value."""
    if "://" in value:
        return "has a scheme: leave it out"
    if "@" in value:
        return "has a digest: leave out the @ and what follows"
    if ":" in value.rpartition("/")[2]:
        return "has a tag: leave out the colon and what follows"
    if value != value.lower():
        return "has capital letters: use lower case"
    return "is not an image name: use a-z and 0-9, one . _ or - between them, and / between parts"


def to_milliseconds(value: datetime) -> datetime:
    """Return a time cut to milliseconds, as it is stored and answered."""
    return value.replace(microsecond=value.microsecond // 1000 * 1000)


def format_time(value: datetime) -> str:
    """Return a time in RFC 3339, in UTC with milliseconds: ``2026-01-01T08:02:38.094Z``. Without a zone it
    counts as UTC.
    """
    if value.tzinfo is not None and value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return _time_text(value)


@lru_cache(maxsize=1024)
def _time_text(value: datetime) -> str:
    # The commands of a batch have few times between them, and each is written three times.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (  # noqa: UP031  # half the cost of isoformat()
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond // 1000,
    )


_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PART_PATTERN = re.compile(rf"{_PART}\Z")
"""One path part of an OCI repository name."""

_PARTS = rf"{_PART}(?:/{_PART})*"
IMAGE_PATTERN = re.compile(rf"{_PARTS}\Z")
"""An OCI repository name (OCI Distribution 1.1, "Pulling manifests")."""

_HOST = (
    r"(?:(?:[A-Za-z0-9_-]+\.)+[A-Za-z0-9-]+(?::[0-9]{1,5})?"
    r"|[A-Za-z0-9_-]+:[0-9]{1,5}|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?|localhost)"
)
NAMED_IMAGE_PATTERN = re.compile(rf"(?:{_HOST}/)?{_PARTS}\Z")
"""The same, with or without the host of its registry in front."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
Image = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_IMAGE_LENGTH),
    AfterValidator(partial(_image, IMAGE_PATTERN)),
    Field(json_schema_extra={"pattern": f"^{_PARTS}$"}),
]
NamedImage = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_IMAGE_LENGTH),
    AfterValidator(partial(_image, NAMED_IMAGE_PATTERN)),
    Field(json_schema_extra={"pattern": f"^(?:{_HOST}/)?{_PARTS}$"}),
]
JsonObject = dict[str, Any]
RegistryConfig = Annotated[JsonObject, AfterValidator(_no_secret)]
Label = Annotated[str, StringConstraints(max_length=255)]
Labels = Annotated[list[Label], FirstWrong()]
Names = Annotated[list[Name], FirstWrong()]
Time = Annotated[
    datetime,
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
