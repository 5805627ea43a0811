"""The types of parameters of every command."""

import json
import math
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE = re.compile(r"([0-9]+)([smhd])")
_ENTRY = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")
_LARGEST_ENTRY = 2**64 - 1


class Seconds(click.FloatRange):
    """A time in seconds, in a range. NaN is in no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, or an age (``30m``, ``12h``, ``7d``)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            if age := _AGE.fullmatch(value):
                return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
            moment = datetime.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is neither a time (2026-01-31T12:00:00Z) nor an age (30m, 12h, 7d)", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class StreamStart(click.ParamType[str]):
    """Where to start in the event stream: ``beginning``, ``now``, or the id of an entry."""

    name = "start"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text in ("", "beginning", "now"):
            return text
        entry = _ENTRY.fullmatch(text)
        if entry is None or any(int(part or 0) > _LARGEST_ENTRY for part in entry.groups()):
            self.fail(f"{text!r} is not beginning, now or an entry's id, as in 1767225600000-0", param, ctx)
        return text


class Utf8(click.ParamType[str]):
    """A text. The bytes that the shell has passed on must be UTF-8."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("is not UTF-8", param, ctx)
        return text


class JsonObjectParam(click.ParamType[dict[str, Any]]):
    """A JSON object: written out, or in a file (``@file.json``, ``@-`` for standard input)."""

    name = "JSON|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(_content(value[1:]) if value.startswith("@") else value)
        except OSError as error:
            self.fail(f"cannot read {value[1:]}: {error.strerror or error}", param, ctx)
        except (ValueError, RecursionError) as error:
            self.fail(f"is not valid JSON: {error}", param, ctx)
        if not isinstance(found, dict):
            self.fail("must be a JSON object", param, ctx)
        return found


class OptionalChoice(click.Choice[str]):
    """One of several words, or an empty string, which counts as not given, as it does in a message."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return "" if value == "" else super().convert(value, param, ctx)


def _content(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
