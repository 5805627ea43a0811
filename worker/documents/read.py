"""Reads what an operator writes, in JSON or YAML: settings, credentials and the plugins of a folder.

YAML is read as another notation for JSON: its scalars are those of JSON, and every other scalar is a text,
such as ``no``, ``on``, ``010`` and ``12:30``; ``~`` and nothing are null. There are no tags and no aliases (a
few bytes of them stand for gigabytes). In both notations, a key may not be there twice in one object.

A document may hold secrets, so an error tells the place and shows nothing of the document: the parsers' own
messages quote it.
"""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from contracts.storable import MAX_DEPTH
from contracts.values import MAX_PLUGIN_BYTES

MAX_FILE_BYTES = MAX_PLUGIN_BYTES

_TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"
_KEY_TWICE = "has a key twice in one object"
_NOT_YAML = "is not valid YAML"
_MORE_THAN_ONE = "has more than one document"

# A string is one token up to its end, or to the end of the text: so this takes linear time on any text.
_JSON_NESTING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|(?P<begin>[\[{])|(?P<end>[\]}])', re.DOTALL)


class DocumentError(ValueError):
    """Raised for a document that is refused. The text says why, and where if that is known."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason if line is None else f"{reason}: line {line}, column {column}")


def read_document(file: Path) -> Any:
    """Return the JSON value in a file of at most 1 MiB: JSON if its name ends in ``.json``, YAML otherwise.

    Raises: ``DocumentError``.
    """
    text = _read_text(file)
    return parse_json(text) if file.suffix.lower() == ".json" else parse_yaml(text)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text. Raises: ``DocumentError``."""
    _check_nesting(text)
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except DocumentError:
        raise
    except json.JSONDecodeError as error:
        is_whole = error.msg == "Extra data"
        reason = "is not valid JSON: it goes on behind its end" if is_whole else "is not valid JSON"
        raise DocumentError(reason, error.lineno, error.colno) from None
    except ValueError:  # an integer of thousands of digits
        raise DocumentError("is not valid JSON") from None


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text with one document. Raises: ``DocumentError``."""
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader with less in it
    except DocumentError:
        raise
    except yaml.MarkedYAMLError as error:
        raise _error_at(error.problem_mark, _NOT_YAML) from None
    except (ValueError, yaml.YAMLError):
        raise DocumentError(_NOT_YAML) from None


def _read_text(file: Path) -> str:
    try:
        file.name.encode()
        if not stat.S_ISREG(file.stat().st_mode):
            raise DocumentError("is not a regular file")
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
    except UnicodeEncodeError:
        # It could neither be stored beside a plugin nor be shown.
        raise DocumentError("has a name that is not UTF-8") from None
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise DocumentError(f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentError("is not UTF-8") from None


def _check_nesting(text: str) -> None:
    """Refuse depth before the parser recurses: how deep it can go depends on the version of Python."""
    depth = 0
    for token in _JSON_NESTING.finditer(text):
        depth += (token["begin"] is not None) - (token["end"] is not None)
        if depth > MAX_DEPTH:
            start = token.start()
            raise DocumentError(_TOO_DEEP, text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DocumentError(_KEY_TWICE)
    return found


def _error_at(mark: Any, reason: str) -> DocumentError:
    return DocumentError(reason, mark.line + 1, mark.column + 1) if mark else DocumentError(reason)


class _Loader(yaml.CSafeLoader):
    """YAML with the scalars of JSON, in lists and objects."""


_Loader.yaml_implicit_resolvers = {}
_INT = r"-?(?:0|[1-9][0-9]*)"
# (type, pattern, first characters); the first that matches decides, and what none matches is text.
for _type, _pattern, _first in (
    ("null", "~|null|", ["~", "n", ""]),
    ("bool", "true|false", ["t", "f"]),
    ("int", _INT, "-0123456789"),
    ("float", rf"{_INT}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_type}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def _construct_object(loader: Any, node: yaml.MappingNode) -> Iterator[dict[str, Any]]:
    made: dict[str, Any] = {}
    yield made
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, str):
            raise _error_at(key.start_mark, "has a key that is not a text: quote it")
        if name in made:
            raise _error_at(key.start_mark, _KEY_TWICE)
        made[name] = loader.construct_object(value, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_object)


def _check_events(text: str) -> None:
    """Refuse aliases, tags, depth and a second document before anything is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _error_at(event.start_mark, "uses an alias (*): write it out")
        if getattr(event, "tag", None) is not None:
            raise _error_at(event.start_mark, "uses a tag (!): quote what is to be a text")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise _error_at(event.start_mark, _MORE_THAN_ONE)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _error_at(event.start_mark, _TOO_DEEP)
