"""The terminal of `plugins up`: its own words, and what the processes write, each line behind its name."""

from pathlib import Path

import click

COLOURS = ["green", "cyan", "magenta", "yellow", "blue", "bright_green", "bright_cyan", "bright_magenta"]


class Console:
    """Writes lines to standard output, in colours on a terminal."""

    def __init__(self, names: list[str]) -> None:
        self._width = max((len(name) for name in names), default=0)
        self._colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}
        self._gone = False

    def say(self, text: str, *, problem: bool = False) -> None:
        """Say something of our own."""
        self._write(click.style(text, fg="red" if problem else None, bold=True))

    def relay(self, name: str, line: str) -> None:
        """Show a line that a process wrote."""
        self._write(click.style(f"{name:<{self._width}} |", fg=self._colours.get(name)) + f" {line}")

    def _write(self, line: str) -> None:
        if self._gone:
            return
        try:
            click.echo(line)
        except OSError:
            # The terminal was closed or the pipe's reader ended: the logs still have it all, and ending
            # in the middle of a shutdown would leave processes unattended.
            self._gone = True


class Tail:
    """Follows a log file by its whole lines.

    The processes write to files, and not to pipes, so that a terminal that stands still (Ctrl-S) never makes
    a worker wait.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def lines(self) -> list[str]:
        """The lines that were written since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._offset)
            written = log.read()
        self._offset += len(written)
        *lines, self._rest = (self._rest + written).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
