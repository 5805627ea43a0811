"""Read a Procfile: lines of `name: command`, as honcho and foreman do."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of a Procfile. ``command``: a program with its arguments, as a POSIX shell reads them."""

    name: str
    command: str

    @property
    def consumes(self) -> bool:
        """Whether it is a Celery worker, which writes ``ready.`` when it consumes."""
        words = shlex.split(self.command)
        for option in ("-A", "--app"):
            if option in words:
                del words[words.index(option) : words.index(option) + 2]
        return "celery" in words and "worker" in words


def read_procfile(path: Path) -> list[Process]:
    """Return the processes in the order of the file.

    Raises:
        click.ClickException: it cannot be read; the message names the wrong line.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from error
    found: dict[str, Process] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = LINE.fullmatch(line.strip())
        if parts is None:
            raise click.ClickException(f"{path}, line {number}: `name: command` expected")
        name, command = parts.groups()
        if name in found:
            raise click.ClickException(f"{path}, line {number}: {name} is defined twice")
        found[name] = Process(name, command)
    if not found:
        raise click.ClickException(f"{path} names no process")
    return list(found.values())
