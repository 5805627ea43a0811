"""Tables: laid out on a terminal, plain in a pipe, and obeyed by neither."""

import os
import pty
import subprocess
import sys
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.support.servers import ROOT
from worker.cli.table import Fields, Table, write, write_layout

ROWS: list[dict[str, Any]] = [
    {"plugin_id": "jira", "name": "플러그인", "state": "ENABLED"},
    {"plugin_id": "b", "name": "[red]\x1b[2J[/red] :smile:", "state": "DISABLED"},
    {"plugin_id": "c", "state": "ENABLED"},
]
TABLE = Table(("plugin_id", "name", "state"), ROWS)


def on_terminal(part: Table | Fields, width: int = 80) -> str:
    written = StringIO()
    write_layout(Console(file=written, width=width, force_terminal=True, color_system=None), part)
    return written.getvalue()


def test_in_a_pipe_it_is_plain_columns(capsys: pytest.CaptureFixture[str]) -> None:
    write(TABLE, "3 plugin(s)")
    assert capsys.readouterr().out.splitlines() == [
        "plugin_id  name                            state",
        "jira       플러그인                            ENABLED",
        r'b          "[red]\u001b[2J[/red] :smile:"  DISABLED',
        "c          -                               ENABLED",
        "3 plugin(s)",
    ]


def test_on_a_terminal_wide_characters_align() -> None:
    head, _, *lines = on_terminal(TABLE).splitlines()
    start = cell_len(head[: head.index("state")])
    for line, row in zip(lines, ROWS, strict=True):
        assert cell_len(line[: line.index(row["state"])]) == start


@pytest.mark.parametrize("part", [TABLE, Fields(ROWS[1])])
def test_on_a_terminal_nothing_in_a_value_is_obeyed(part: Table | Fields) -> None:
    shown = on_terminal(part)
    assert r'"[red]\u001b[2J[/red] :smile:"' in shown
    assert "\x1b[2J" not in shown


def test_a_name_of_a_column_is_not_obeyed_either() -> None:
    table = Table(("[red]\x9b2J",), [{}])
    for shown in (str(table), on_terminal(table)):
        assert r'"[red]\u009b2J"' in shown


def test_what_is_too_wide_is_folded_and_ids_never() -> None:
    row = {"id": "f" * 64, "text": "y" * 100}
    shown = on_terminal(Table(("id", "text"), [row], whole=("id",)), width=40)
    assert row["id"] in shown
    assert shown.count("y") == 100


@pytest.mark.process
def test_a_real_terminal_gets_colours_and_a_pipe_none() -> None:
    program = "from worker.cli.table import Table, write; write(Table(('state',), [{'state': 'ENABLED'}]))"
    command = [sys.executable, "-c", program]
    env = os.environ | {"TERM": "xterm-256color", "FORCE_COLOR": "1", "COLUMNS": "80"}
    ours, theirs = pty.openpty()
    try:
        subprocess.run(command, stdout=theirs, env=env, cwd=ROOT, check=True, timeout=60)
        assert b"\x1b[32mENABLED" in os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
    piped = subprocess.run(command, capture_output=True, env=env, cwd=ROOT, check=True, timeout=60)
    assert piped.stdout == b"state\nENABLED\n"
