"""One message on a queue, as Celery's clients put it there: an element of a Redis list.

It is of message protocol 2, or of protocol 1, whose body holds what protocol 2 has in headers. See
https://docs.celeryq.dev/en/stable/internals/protocol.html.

It uses plain JSON on purpose: kombu's own loader turns objects with ``__type__`` into Python values, and
raises for types that it does not know.
"""

import binascii
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

_HEADERS_OF_1: Final = ("task", "id", "group", "eta", "expires", "retries", "timelimit", "utc")


class BrokenElement(ValueError):
    """Raised for an element without readable headers; ``reason``: a stable word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class BadPart(ValueError):
    """Raised for a part that a message must not have so.

    ``reason``: a stable word. ``path``: the part. ``message``: a sentence for a person.
    """

    def __init__(self, reason: str, path: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.path = path
        self.message = message


class _TooDeep(ValueError):
    """Raised for JSON that nests too deep to be read."""


@dataclass(frozen=True)  # without slots: a body that was read is kept
class Element:
    """A message as it was sent; nothing of it is checked but that it has headers.

    ``message``: the whole object.
    ``headers``: those of protocol 2; for protocol 1, made of its body too.
    ``body_of_1``: the body of protocol 1 in the form of protocol 2.
    """

    message: dict[str, Any]
    headers: dict[str, Any]
    decoder: json.JSONDecoder = field(repr=False)
    body_of_1: list[Any] | None = None

    @property
    def properties(self) -> dict[str, Any]:
        """The properties; empty if they are no object."""
        return _properties(self.message)

    @cached_property
    def body(self) -> list[Any]:
        """``[args, kwargs, embed]``, whatever they are.

        Raises: ``BadPart`` if it cannot be read.
        """
        body = _body(self.message, self.decoder) if self.body_of_1 is None else self.body_of_1
        if not isinstance(body, list) or len(body) != 3:
            raise BadPart("bad_body", "body", "the body must be [args, kwargs, embed]")
        return body

    def arguments(self) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
        """Return the parts of the body: positional and keyword arguments, and what is embedded with them.

        Raises: ``BadPart``.
        """
        args, kwargs, embed = self.body
        embed = {} if embed is None else embed
        if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(embed, dict):
            raise BadPart("bad_body", "body", "the body must be [array, object, object or null]")
        return args, kwargs, embed


def read_element(raw: bytes, *, strict: bool) -> Element:
    """Read an element and its headers; the body of protocol 2 is read when it is asked for.

    ``strict``: NaN and Infinity, which Python takes for numbers, are not JSON.

    Raises: ``BrokenElement``, whatever was sent.
    """
    decoder = _STRICT if strict else _LENIENT
    message = _read_object(raw, decoder)
    sent = message.get("headers")
    # PHP writes an empty object as a list.
    headers = sent if isinstance(sent, dict) else {}
    if "task" in headers:
        return Element(message, headers, decoder)
    if sent is None or sent == [] or isinstance(sent, dict):
        found = _of_protocol_1(message, headers, decoder)
        if found:
            return found
    if not isinstance(sent, dict):
        raise BrokenElement("bad_headers", type(sent).__name__)
    return Element(message, headers, decoder)


def _read_object(raw: bytes, decoder: json.JSONDecoder) -> dict[str, Any]:
    try:
        message = _load(raw.decode(), decoder)
    except UnicodeDecodeError as error:
        raise BrokenElement("not_utf8", str(error)) from None
    except _TooDeep:
        raise BrokenElement("too_deep", "the envelope") from None
    except ValueError as error:
        raise BrokenElement("not_json", str(error)) from None
    if not isinstance(message, dict):
        raise BrokenElement("not_an_object", type(message).__name__)
    return message


def _of_protocol_1(
    message: dict[str, Any], headers: dict[str, Any], decoder: json.JSONDecoder
) -> Element | None:
    """Return a message of protocol 1; None if it is none."""
    try:
        body, is_whole = _body(message, decoder), True
    except BadPart:
        # NaN makes the arguments unreadable, and not the id beside them.
        body, is_whole = _lenient_body(message), False
    if isinstance(body, dict) and ("task" in body or "id" in body):
        arguments, told = _in_form_of_2(body)
        return Element(message, {**headers, **told}, decoder, arguments if is_whole else None)
    # Most clients of protocol 1 give the id there as well: it can be answered that the body is wrong.
    told_beside = _properties(message).get("correlation_id")
    if body is None and "id" not in headers and (told_beside or isinstance(message.get("headers"), dict)):
        return Element(message, {**headers, "id": told_beside}, decoder)
    return None


def _lenient_body(message: dict[str, Any]) -> Any:
    try:
        return _body(message, _LENIENT)
    except BadPart:
        return None


def _in_form_of_2(body: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the body of protocol 1 as one of protocol 2, and what that has in headers."""
    # Some clients send null for arguments that are empty.
    args, kwargs = body.pop("args", None), body.pop("kwargs", None)
    told: dict[str, Any] = {name: body.pop(name) for name in _HEADERS_OF_1 if name in body}
    told["group"] = body.pop("taskset", None) or told.get("group")
    # The rest is callbacks and the like, which protocol 2 embeds.
    return [[] if args is None else args, {} if kwargs is None else kwargs, body], told


def _properties(message: dict[str, Any]) -> dict[str, Any]:
    properties = message.get("properties")
    return properties if isinstance(properties, dict) else {}


def _body(message: dict[str, Any], decoder: json.JSONDecoder) -> Any:
    text = _body_text(message.get("body"), _properties(message).get("body_encoding"))
    try:
        return _load(text, decoder)
    except _TooDeep:
        raise BadPart("too_deep", "body", "the body is nested too deep") from None
    except ValueError as error:
        raise BadPart("bad_body", "body", f"the body is not JSON: {error}") from None


def _body_text(body: Any, encoding: Any) -> str:
    if not isinstance(body, str):
        raise BadPart("bad_body", "body", "the body must be a string")
    if encoding is None or (isinstance(encoding, str) and encoding.lower() == "utf-8"):
        return body
    if encoding != "base64":
        path = "properties.body_encoding"
        raise BadPart("bad_body_encoding", path, "the body encoding must be base64 or utf-8")
    # Some encoders break base64 into lines.
    text = body.replace("\r", "").replace("\n", "") if "\n" in body else body
    try:
        return binascii.a2b_base64(text, strict_mode=True).decode()
    except UnicodeDecodeError as error:
        raise BadPart("not_utf8", "body", str(error)) from None
    except ValueError as error:
        raise BadPart("bad_base64", "body", str(error)) from None


def _load(text: str, decoder: json.JSONDecoder) -> Any:
    try:
        return decoder.decode(text)
    except RecursionError:
        raise _TooDeep from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_STRICT: Final = json.JSONDecoder(parse_constant=_refuse_constant)
_LENIENT: Final = json.JSONDecoder()
