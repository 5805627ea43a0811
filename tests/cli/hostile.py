"""What others can send: texts that a terminal obeys, hides, or shows as something else."""

import json
from collections.abc import Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from contracts.client import BatchOutcome
from contracts.errors import InvalidParameter
from contracts.events import PLUGIN_CHANGED
from worker.cli.operate.doctor.finding import Check, Finding
from worker.domain.dead_letter import DeadLetter
from worker.domain.image import ImageRef
from worker.domain.image_record import ImageRecord
from worker.events.reconcile import Ahead, Repaired
from worker.registries.budget.budget import Status
from worker.store.image_list import ListedImage
from worker.store.image_queue import GroupCount

TEXTS = {
    "title": "2.0\x1b]0;PWNED\x07\x1b[31m\nroot# ",
    "erase": "\x1b[2J\x1b[H\x1b[1A\x1b[2K",
    "reset": "\x1bc\x1b(0\x1b[?1049h",
    "device": '\x1b[c\x1b[6n\x1bP$q"p\x1b\\',
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x1b\\",
    "link": "\x1b]8;;https://evil.test\x1b\\ok\x1b]8;;\x1b\\",
    "c1": "\x9b2J\x9d0;t\x9c\x90q\x85next",
    "controls": "a\rb\bc\x00d\x0be\x0cf\x7fg\x0eh\x0fi\tj",
    "bidi": "\u202egnp.exe\u202c \u2066a\u2069 \u061c\u200f",
    "lines": "a\nERROR: b\u2028c\u2029d\x1ce\x85f",
    "hidden": "a\u200bb\u200dc\u2060d\ufeffe\u00adf",
    "tags": "a\U000e0041\U000e0042\U000f0000b",
    "spaces": "a\u00a0b\u3000c\u2003d",
    "lone": "a\ud800b\udfffc",
}

BAD = TEXTS["title"]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Client:
    """In place of `PluginClient`: whatever it is asked, it answers with a text, or is refused with it."""

    def __init__(self, text: str, refuses: bool) -> None:
        self._text = text
        self._refuses = refuses

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def _refusal(self) -> InvalidParameter:
        return InvalidParameter(f"no: {self._text}", details={"path": self._text, self._text: [self._text]})

    def ask(self, verb: str, **_: Any) -> dict[str, Any]:
        if self._refuses:
            raise self._refusal()
        text = self._text
        if verb == "get_versions":
            known = {"total_count": text, "synced_at": text, "sync_state": text}
            return {"results": [text, "1.0"], "stale": True, "truncated": True, **known}
        if verb == "stat":
            return {"results": [text, {text: text}, [text]], "total_count": 3}
        if verb == "list":
            rows = [{"plugin_id": text, "name": text, "state": text, "image": text, text: text}, {text: 1}]
            return {"results": rows, "total_count": 9, "unavailable": [text]}
        return {"plugin_id": text, "state": text, "revision": text, "tags": {text: [text]}, text: {"a": text}}

    def batch(self, commands: Any, **_: Any) -> list[BatchOutcome]:
        if self._refuses:
            raise self._refusal()
        done = {"plugin_id": self._text, "revision": self._text}
        return [BatchOutcome(self._text, done, None), BatchOutcome(self._text, None, self._refusal())]


class Stream:
    """In place of a redis-py client of the events."""

    def __init__(self, text: str) -> None:
        self._entries = [(f"{n}-0".encode(), fields) for n, fields in enumerate(_entries(text), 1)]

    def xread(self, streams: Mapping[str, Any], **_: Any) -> Any:
        (last,) = streams.values()
        return [] if last != "0" else [[b"plugin.events", self._entries]]

    def xrevrange(self, *_: Any, **__: Any) -> Any:
        return []


def _entries(text: str) -> list[dict[bytes, bytes]]:
    raw = text.encode("utf-8", "surrogatepass")
    shown = text.encode("utf-8", "backslashreplace")
    quoted = _json(text)
    head = {b"type": shown, b"subject": shown, b"sequence": b"7", b"time": shown}
    changed = head | {b"type": PLUGIN_CHANGED.encode()}
    datas = [
        b'{"change": %s, "changed_fields": [%s, 1, {"a": %s}]}' % (quoted, quoted, quoted),
        b'{"change": {"a": %s}, "changed_fields": %s}' % (quoted, quoted),
        b'{"change": null, "changed_fields": 5, "added": 5, "removed": %s, "latest": [%s]}'
        % (quoted, quoted),
        b'{"added": [%s], "removed": {"a": 1}, "latest": %s}' % (quoted, quoted),
    ]
    good = [{**one, shown: shown, b"data": data} for one in (head, changed) for data in datas]
    bad = [head, {**head, b"data": shown}, {**head, b"data": raw + b"\xff"}, {shown: raw, b"data": b"[]"}]
    return [*good, *bad, {**head, b"sequence": shown, b"data": b"{}"}]


def _json(text: str) -> bytes:
    return json.dumps(text).encode()


def letter(text: str) -> DeadLetter:
    shown = text.encode("utf-8", "backslashreplace")
    body = b'[[], {"name": %s, %s: 1}, {}]' % (_json(text), _json(text))
    return DeadLetter(
        *(text, text, text, text),
        raw=shown + body + b"\xff\x9b",
        parked_at=NOW,
        task=text,
        command_id=text,
        headers={text: text, "id": [text]},
        revisions={text: 1},
        first_at=NOW,
    )


@contextmanager
def services(text: str, as_json: bool) -> Any:
    """In place of `connected`: services whose data others have chosen."""
    found, ahead = letter(text), Ahead("lift", text, text, 1, 2)
    count = GroupCount(text, text, 1, 0, 1, 0, 0, NOW)
    status = Status(1.0, 1.0, 1, 0, 0.0, 5.0, 1, True)
    letters = SimpleNamespace(
        find=lambda *_: [found],
        count=lambda *_: 1,
        read=lambda _: found,
        remove=lambda _: 0,
        retention=SimpleNamespace(drops=lambda: None),
    )
    queue, images = SimpleNamespace(counts=lambda _: [count]), SimpleNamespace(make_due=lambda *_: 0)
    reconcile = SimpleNamespace(
        find=lambda: iter([ahead]), repair=lambda: [Repaired(ahead, 3), Repaired(ahead, None)]
    )
    yield SimpleNamespace(
        dead_letters=letters,
        plugins=None,
        broker=None,
        image_store=SimpleNamespace(queue=queue, images=images),
        budget=SimpleNamespace(status=lambda *_: status),
        database=None,
        reconcile=lambda: reconcile,
        settings=SimpleNamespace(command_partitions=1),
    )


class Images:
    """In place of the list of images: one whose texts others have chosen."""

    def __init__(self, text: str) -> None:
        ref = ImageRef("OCI", text, text, text)
        versions: Any = (text,)
        why: Any = text
        self._listed = ListedImage(ImageRecord(ref, why, versions, last_error=why, last_detail=text), 1)
        self._text = text

    def find(self, *_: object) -> list[ListedImage]:
        return [self._listed]

    def count(self, *_: object) -> int:
        return 1

    def users(self, *_: object) -> tuple[list[str], int]:
        return [self._text, self._text], 7


def findings(text: str) -> tuple[Check, ...]:
    """In place of the doctor's checks: one that finds it, one that fails with it."""

    def find(_: Any) -> Any:
        yield Finding("x", "fail", text, text, text, {"key": text, text: text})
        raise RuntimeError(text)

    return (Check(text, find),)
