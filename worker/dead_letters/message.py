"""Messages as dead letters: what of them can be read, without their tokens."""

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from contracts.catalog import BY_TASK
from contracts.commands import PluginBatch
from contracts.partition import VERSIONS, address
from contracts.values import is_command_id
from worker.domain.record import key_of
from worker.domain.secrets import (
    REMOVED,
    hide_secrets,
    hide_secrets_in,
    hide_secrets_in_bytes,
    may_hold_secret,
)
from worker.transport import encode
from worker.transport.element import BadPart, BrokenElement, Element, read_element

_READ_AT_MOST = 6 * 1024 * 1024
# What is searched part by part; nobody sends more beside the arguments of a task.
_SEARCHED_AT_MOST = 64 * 1024
_TEXT_AT_MOST = 255
_PARAMETERS_TOLD = frozenset({"argsrepr", "kwargsrepr"})


@dataclass(frozen=True, slots=True)
class Reading:
    """The readable parts of a message; any of them may be missing.

    ``raw``: the message without its tokens.
    ``stripped``: whether a token was removed.
    """

    raw: bytes
    stripped: bool = False
    task: str | None = None
    command_id: str | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    kwargs: dict[str, Any] | None = None

    @property
    def is_command(self) -> bool:
        """Whether it is a message for a task of this service, with an id and with arguments."""
        is_known = self.task in BY_TASK or (self.task or "").startswith(f"{VERSIONS}.")
        return is_known and is_command_id(self.headers.get("id")) and self.kwargs is not None

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

    An unreadable message, or one of more than 6 MiB, loses only parts that look like a token. A readable one
    keeps the arguments that its task knows, whatever they hold: they are the data of a plugin.
    """
    if len(raw) > _READ_AT_MOST:
        return _unreadable(raw)
    try:
        element = read_element(raw, strict=False)
        if len(raw) - len(str(element.message.get("body"))) > _SEARCHED_AT_MOST:
            return _as_text(raw, element)
        headers = hide_secrets(element.headers)
        kept, stripped = _without_secrets(raw, element)
    except (BrokenElement, RecursionError):
        return _unreadable(raw)
    return _reading(kept, stripped, headers, element)


def _reading(kept: bytes, stripped: bool, headers: Mapping[str, Any], element: Element) -> Reading:
    return Reading(
        raw=kept,
        stripped=stripped,
        task=_text(headers.get("task")),
        command_id=_text(headers.get("id")),
        headers={name: value for name, value in headers.items() if name not in _PARAMETERS_TOLD},
        kwargs=_kwargs(element),
    )


def _as_text(raw: bytes, element: Element) -> Reading:
    """Return a message with more beside its body than anybody sends, searched for tokens as any text is."""
    headers = {name: _text(element.headers.get(name)) for name in ("task", "id", "answer_id")}
    kept = hide_secrets_in_bytes(raw)
    return _reading(
        kept,
        kept != raw,
        hide_secrets({**headers, "ignore_result": bool(element.headers.get("ignore_result"))}),
        element,
    )


def _without_secrets(raw: bytes, element: Element) -> tuple[bytes, bool]:
    """Return the message without its tokens, and whether there was one; unchanged if there was none."""
    sent = {name: value for name, value in element.message.items() if name != "body"}
    clean = hide_secrets(sent)
    try:
        body = element.body
    except BadPart:
        text = element.message.get("body")
        hidden = {"body": _text_without_secrets(text)} if isinstance(text, str) else {}
        return _rewritten(raw, element.message, clean | hidden)
    task = element.headers.get("task")
    is_known = isinstance(task, str) and task in BY_TASK
    if not is_known and len(str(element.message.get("body"))) > _SEARCHED_AT_MOST:
        text = _text_without_secrets(element.message["body"])
        return _rewritten(raw, element.message, clean | {"body": text})
    clean_body = _body_without_secrets(task, body)
    if clean_body == body:
        return _rewritten(raw, element.message, clean)
    rest = replace(element, message={**element.message, **clean}, headers=hide_secrets(element.headers))
    return encode.with_body(rest, clean_body), True


def _rewritten(raw: bytes, message: dict[str, Any], clean: dict[str, Any]) -> tuple[bytes, bool]:
    sent = {name: message.get(name) for name in clean}
    if clean == sent:
        return raw, False
    # A text that only repeats the arguments for people is no reason to ask for a new token.
    return json.dumps({**message, **clean}).encode(), _told_left_out(clean) != _told_left_out(sent)


def _told_left_out(message: Mapping[str, Any]) -> dict[str, Any]:
    headers = message.get("headers")
    if not isinstance(headers, dict):
        return dict(message)
    return {**message, "headers": {k: v for k, v in headers.items() if k not in _PARAMETERS_TOLD}}


def _text_without_secrets(body: str) -> str:
    """Return a body that cannot be read without its tokens, also if it is in base64."""
    try:
        decoded = binascii.a2b_base64(body, strict_mode=True)
    except ValueError:
        return hide_secrets_in(body)
    hidden = hide_secrets_in_bytes(decoded)
    return body if hidden == decoded else binascii.b2a_base64(hidden, newline=False).decode()


def _body_without_secrets(task: Any, body: list[Any]) -> list[Any]:
    args, kwargs, embed = body
    return [_hidden(args), _arguments_without_secrets(task, kwargs), _hidden(embed)]


def _hidden(value: Any) -> Any:
    """Return a value without its secrets; nothing of a large one that may have some."""
    if may_hold_secret(value) and len(json.dumps(value)) > _SEARCHED_AT_MOST:
        return REMOVED
    return hide_secrets(value)


def _arguments_without_secrets(task: Any, kwargs: Any) -> Any:
    operation = BY_TASK.get(task) if isinstance(task, str) else None
    if operation is None or not isinstance(kwargs, dict):
        return _hidden(kwargs)
    known = operation.command.model_fields
    clean = {name: value for name, value in kwargs.items() if name in known}
    unknown = _hidden({name: value for name, value in kwargs.items() if name not in known})
    clean |= unknown if isinstance(unknown, dict) else {REMOVED: REMOVED}
    if operation.command is PluginBatch and isinstance(kwargs.get("commands"), list):
        clean["commands"] = [_item_without_secrets(item) for item in kwargs["commands"]]
    # In the order in which they were sent.
    return {name: clean[name] for name in kwargs if name in clean} | clean


def _item_without_secrets(item: Any) -> Any:
    if not isinstance(item, dict) or "params" not in item:
        return _hidden(item)
    params = _arguments_without_secrets(item.get("operation"), item["params"])
    rest = _hidden({name: value for name, value in item.items() if name != "params"})
    return {**rest, "params": params} if isinstance(rest, dict) else {"params": params}


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
    clean = hide_secrets_in_bytes(raw)
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
