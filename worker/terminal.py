"""The way to a terminal: text that it shows and does not obey, whoever wrote it."""

import json
import re
from typing import NamedTuple

import click

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")


class Coloured(NamedTuple):
    """A part of a line as a terminal shows it. ``colour``: None: the common one."""

    text: str
    colour: str | None
    bold: bool = False


def say(*parts: str | Coloured, err: bool = False) -> None:
    """Write one line, to standard output or, with ``err``, to standard error."""
    click.echo("".join(map(_styled, parts)), err=err)


def say_lines(text: str, *, err: bool = False) -> None:
    """Write lines of ours; what others sent is in them by ``printable`` or as JSON."""
    click.echo(printable_lines(text), err=err)


def printable(text: str) -> str:
    """Return ``text`` in one line, with every character escaped that is not seen as itself: controls, marks
    of the direction of writing, what has no width, spaces other than the common one.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """Return the same, but line breaks stay."""
    return "\n".join(map(printable, text.split("\n")))


def printable_log(line: str) -> str:
    """Return a line of a process's log: its colours stay."""
    parts = _COLOUR.split(line.removesuffix("\r").expandtabs())
    return "".join(part if _COLOUR.fullmatch(part) else printable(part) for part in parts)


def _styled(part: str | Coloured) -> str:
    if isinstance(part, Coloured):
        return click.style(printable(part.text), fg=part.colour, bold=part.bold or None)
    return printable(part)


def _shown(character: str) -> str:
    # As in JSON, which may hold it.
    return character if character.isprintable() else json.dumps(character)[1:-1]
