"""The supervisor: what does not end in time is killed, and it says so."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from worker.devtools.console import Console, Tail
from worker.devtools.embedded import ChildProcess
from worker.devtools.supervisor import Supervisor

pytestmark = pytest.mark.process


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deaf = ChildProcess(
        ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], log=tmp_path / "log", ready="deaf"
    )
    supervisor = Supervisor(Console(["sh"], verbose=True))
    supervisor.keep(deaf, shown=True)
    supervisor.shut_down(timeout_s=0.3)
    assert not deaf.running
    shown = capsys.readouterr().out
    assert "sh | deaf" in shown
    assert "sh has not stopped: killing it" in shown


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("from before\n")
    tail = Tail(log)
    with log.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert tail.lines() == ["one"]
        file.write("o\n")
        file.flush()
    assert tail.lines() == ["two"]
    assert tail.lines() == []


def test_a_terminal_that_is_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        console = Console(["one"], verbose=True)
        console.say("Ready")
        console.quote("one", ["a line", "another"])


def test_what_a_process_writes_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(["one"])
    console.quote("one", ["[red]a[/red]\x1b[2Jb :smile:", "\x1b[31mred\x1b[0m\r", "a\tb\x9b2J\u202e\x07"])
    console.say("[red]no\x1b]0;title\x07\nsecond")
    assert capsys.readouterr().out.splitlines() == [
        r"one | [red]a[/red]\u001b[2Jb :smile:",
        "one | red",
        r"one | a       b\u009b2J\u202e\u0007",
        r"[red]no\u001b]0;title\u0007",
        "second",
    ]


def _deaf(tmp_path: Path, name: str) -> ChildProcess:
    """Return a process that ends three seconds after SIGTERM."""
    wait = "trap 'sleep 3; exit 0' TERM; echo deaf; while :; do sleep 0.1; done"
    return ChildProcess(["sh", "-c", wait], log=tmp_path / name, name=name, ready="deaf")


def test_the_same_signal_twice_is_no_hurry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(Console(["worker"]))
    supervisor.keep(_deaf(tmp_path, "worker"), shown=True)
    supervisor.stop()
    supervisor.hurry()
    supervisor.shut_down(timeout_s=30)
    assert "killing it" not in capsys.readouterr().out


def test_a_hurry_kills_the_workers_and_never_the_servers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.devtools.supervisor.SAME_SIGNAL_S", 0.0)
    supervisor = Supervisor(Console(["worker"]))
    server = _deaf(tmp_path, "server")
    supervisor.keep(server, shown=False)
    supervisor.keep(_deaf(tmp_path, "worker"), shown=True)
    supervisor.hurry()
    supervisor.stop()
    supervisor.hurry()
    supervisor.shut_down(timeout_s=30)
    shown = capsys.readouterr().out
    assert "worker has not stopped: killing it" in shown
    assert "server has not stopped" not in shown
    assert server.returncode == 0
