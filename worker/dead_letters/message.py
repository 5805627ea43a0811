"""Messages as dead letters: what of them can be read, without their tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from contracts.partition import address
from worker.domain.dead_letter import REMOVED, hide_secrets, hide_secrets_in_text
from worker.domain.record import key_of
from worker.transport import encode
from worker.transport.element import BadPart, BrokenElement, Element, read_element

_READ_AT_MOST = 8 * 1024 * 1024
_TEXT_AT_MOST = 255
_PARAMETERS_TOLD = frozenset({"argsrepr", "kwargsrepr"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The readable parts of a message; any of them may be missing.

    ``raw``: the message without the tokens in its headers.
    ``stripped``: whether a token was removed.
    """

    raw: bytes
    stripped: bool = False
    task: str | None = None
    command_id: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    kwargs: dict[str, Any] | None = None

    @property
    def keys(self) -> list[str]:
        """The keys of the plugins that the command is for; several for a batch."""
        if not self.task or self.kwargs is None:
            return []
        items = self.kwargs.get("commands") if self.task == "plugin.batch" else None
        if isinstance(items, list):
            named = {
                address(str(item.get("operation")), item.get("params"))
                for item in items
                if isinstance(item, dict)
            }
        else:
            named = {address(self.task, self.kwargs)}
        return sorted(key_of(*pair) for pair in named if all(pair) and _storable(key_of(*pair)))

    @property
    def expires(self) -> datetime | None:
        """The deadline of the message, if it has a readable one."""
        try:
            moment = datetime.fromisoformat(str(self.headers.get("expires")))
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_message(raw: bytes) -> Reading:
    """Read a list element as far as possible, and remove its tokens. Never raises.

    An unreadable message, or one of more than 8 MiB, loses only parts that look like a token.
    """
    if len(raw) > _READ_AT_MOST:
        return _unreadable(raw)
    try:
        element = read_element(raw, strict=False)
        sent = element.message.get("headers")
        clean = hide_secrets(sent)
        headers = hide_secrets(element.headers)
        stripped = clean != sent
        kept = json.dumps({**element.message, "headers": clean}).encode() if stripped else raw
    except (BrokenElement, RecursionError):
        return _unreadable(raw)
    return Reading(
        raw=kept,
        stripped=stripped,
        task=_text(headers.get("task")),
        command_id=_text(headers.get("id")),
        headers={name: value for name, value in headers.items() if name not in _PARAMETERS_TOLD},
        kwargs=_kwargs(element),
    )


def with_headers(raw: bytes, *, token: str | None, drop_expires: bool) -> bytes:
    """Return the message with a new token, or without its deadline; unchanged if its headers cannot
    be read.
    """
    try:
        sent = read_element(raw, strict=False).headers
    except BrokenElement:
        return raw
    headers = {name: value for name, value in sent.items() if value != REMOVED}
    if token:
        headers["authorization"] = f"Bearer {token}"
    if drop_expires:
        headers.pop("expires", None)
    return raw if headers == sent else encode.with_headers(raw, headers)


def _unreadable(raw: bytes) -> Reading:
    clean = hide_secrets_in_text(raw)
    return Reading(clean, clean != raw)


def _kwargs(element: Element) -> dict[str, Any] | None:
    try:
        _, kwargs, _ = element.body
    except BadPart:
        return None
    return kwargs if isinstance(kwargs, dict) else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value[:_TEXT_AT_MOST].encode("utf-8", "replace").decode()


def _storable(text: str) -> bool:
    return len(text) <= 2 * _TEXT_AT_MOST + 1 and text.isprintable()
