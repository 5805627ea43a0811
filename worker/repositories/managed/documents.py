"""Files of a folder as JSON values; their size, depth and form are limited."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from contracts.values import MAX_DEPTH, MAX_PLUGIN_BYTES

MAX_FILES = 10_000
MAX_FILE_BYTES = MAX_PLUGIN_BYTES

SUFFIXES = frozenset({".json", ".yaml", ".yml"})

State = tuple[int, int, int, int]
"""What tells that a file has changed: the times of its content and of its inode, which has its permissions;
size and inode.
"""

Signature = tuple[tuple[str, State], ...]
"""What tells that a folder has changed: name and state of each file."""


class BadDocument(ValueError):
    """Raised for a file that is no document; the text says why and holds nothing of the file."""


class BadFolder(ValueError):
    """Raised for a folder that cannot be read, or has too many files."""


def signature(folder: Path) -> Signature:
    """The present signature of a folder's documents, in the order of their names. Raises ``BadFolder``.

    Documents are the files ``*.json``, ``*.yaml`` and ``*.yml`` directly in it, but for hidden ones.
    """
    found: list[tuple[str, State]] = []
    try:
        for entry in folder.iterdir():
            if entry.suffix.lower() not in SUFFIXES or entry.name.startswith("."):
                continue
            if len(found) == MAX_FILES:
                raise BadFolder(f"has more than {MAX_FILES} documents")
            found.append((entry.name, _state(entry)))
    except OSError as fault:
        raise BadFolder(f"cannot be read: {fault.strerror}") from None
    return tuple(sorted(found))


def _state(file: Path) -> State:
    try:
        state = file.stat()
    except OSError:
        # Gone meanwhile, or a link to nowhere: told as a fault of the file when it is read.
        return 0, 0, 0, 0
    return state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino


def read_document(file: Path) -> Any:
    """The JSON value in a JSON or YAML file of at most 1 MiB. Raises ``BadDocument``.

    YAML has no aliases here (a few bytes of them stand for gigabytes), no tags, and the scalars of JSON: any
    other is text, such as ``yes``, ``010`` and ``12:30``; ``~`` and nothing are null. A key that is there
    twice is refused, in both forms.
    """
    try:
        file.name.encode()
        if not stat.S_ISREG(file.stat().st_mode):
            raise BadDocument("is no file")
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE_BYTES + 1)
    except UnicodeEncodeError:
        # It could neither be stored beside the plugin nor be shown.
        raise BadDocument("has a name that is not UTF-8") from None
    except OSError as fault:
        raise BadDocument(f"cannot be read: {fault.strerror}") from None
    if len(raw) > MAX_FILE_BYTES:
        raise BadDocument(f"is larger than {MAX_FILE_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadDocument("is not UTF-8") from None
    return _json(text) if file.suffix.lower() == ".json" else _yaml(text)


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except BadDocument:
        raise
    except RecursionError:
        raise BadDocument(f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as fault:
        at = f", line {fault.lineno}" if isinstance(fault, json.JSONDecodeError) else ""
        raise BadDocument(f"is no JSON{at}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadDocument("has a key twice in one object")
    return found


class _Loader(yaml.CSafeLoader):
    """YAML as JSON has it: the scalars of JSON, in lists and objects."""


_Loader.yaml_implicit_resolvers = {}
_INT = r"-?(?:0|[1-9][0-9]*)"
# (kind, pattern, first characters); the first that matches decides, and what none matches is text.
for _kind, _pattern, _first in (
    ("null", "~|null|", ["~", "n", ""]),
    ("bool", "true|false", ["t", "f"]),
    ("int", _INT, "-0123456789"),
    ("float", rf"{_INT}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), list(_first)
    )


def _object(loader: Any, node: yaml.MappingNode) -> Iterator[dict[Any, Any]]:
    made: dict[Any, Any] = {}
    yield made
    for key, value in node.value:
        name = loader.construct_object(key, deep=True)
        if not isinstance(name, str):
            raise BadDocument("has a key that is no text: quote it")
        if name in made:
            raise BadDocument("has a key twice in one object")
        made[name] = loader.construct_object(value, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _object)


def _yaml(text: str) -> Any:
    try:
        _check_events(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader with less in it
    except BadDocument:
        raise
    except yaml.MarkedYAMLError as fault:
        at = f", line {fault.problem_mark.line + 1}" if fault.problem_mark else ""
        raise BadDocument(f"is no YAML that is accepted here{at}") from None
    except (ValueError, TypeError, yaml.YAMLError):
        raise BadDocument("is no YAML that is accepted here") from None


def _check_events(text: str) -> None:
    """Refuse aliases, tags and depth before anything is built."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise BadDocument("uses an alias (*): write it out")
        if getattr(event, "tag", None) is not None:
            raise BadDocument("uses a tag (!): quote what is to be a text")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise BadDocument(f"is nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
