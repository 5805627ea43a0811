"""The terminal of `plugins up`: its own words, and what the processes write, each line after its name."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console as RichConsole
from rich.text import Text

from worker.terminal import printable_lines, printable_log

COLOURS = ["green", "cyan", "magenta", "yellow", "blue", "bright_green", "bright_cyan", "bright_magenta"]


class _Terminal(RichConsole):
    def on_broken_pipe(self) -> None:
        """Go on without the reader: rich would end this process, and leave others unattended."""
        self.quiet = True


class Console:
    """Writes lines to standard output, in colours on a terminal.

    ``names``: the processes, in the order of their colours. ``verbose``: whether to show what they write;
    default: no, it is in their logs.
    """

    def __init__(self, names: list[str], *, verbose: bool = False) -> None:
        self.verbose = verbose
        self._terminal = _Terminal(soft_wrap=True, highlight=False)
        self._width = max((len(name) for name in names), default=0)
        self._colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)}

    def say(self, text: str, *, problem: bool = False) -> None:
        """Write lines of our own; ``problem``: in red."""
        self._write(Text(printable_lines(text), "bold red" if problem else ""))

    def quote(self, name: str, lines: Iterable[str]) -> None:
        """Write lines of a process."""
        for line in lines:
            head = Text(f"{name:<{self._width}} | ", self._colours.get(name, ""))
            # Colours of the process stay; nothing else that it writes commands the terminal.
            self._write(head + Text.from_ansi(printable_log(line)))

    def _write(self, line: Text) -> None:
        try:
            self._terminal.print(line)
        except OSError:
            # The terminal was closed: the logs still have it all, and ending in the middle of a shutdown
            # would leave processes unattended.
            self._terminal.quiet = True


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
        """Return the lines that were written since the last call."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._offset)
            written = log.read()
        self._offset += len(written)
        *lines, self._rest = (self._rest + written).split(b"\n")
        return [line.decode(errors="replace") for line in lines]
