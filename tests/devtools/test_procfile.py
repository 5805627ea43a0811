"""Reading a Procfile, and what the product's own says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import pytest

import worker
from tests.support.servers import ROOT
from worker.devtools.procfile import Process, read_procfile
from worker.devtools.up import default_procfile


def test_lines_comments_and_blanks(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# all of it\n\none: sleep 1\n two:   celery -A app worker -Q a:b  \n")
    assert read_procfile(path) == [Process("one", "sleep 1"), Process("two", "celery -A app worker -Q a:b")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one sleep 1\n", "line 1: `name: command` expected"),
        ("one: a\none: b\n", "line 2: one is defined twice"),
        ("# nothing\n", "names no process"),
        (None, "cannot read"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "Procfile"
    if text is not None:
        path.write_text(text)
    with pytest.raises(click.ClickException, match=words):
        read_procfile(path)


def test_the_processes_of_the_product_are_at_hand_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = default_procfile()
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    assert path.relative_to(Path(worker.__file__).parent).as_posix() in packaged["worker"]
    processes = read_procfile(path)
    assert [(process.name, process.consumes) for process in processes] == [
        ("commands", True),
        ("queries", True),
        ("versions", True),
        ("beat", False),
    ]
