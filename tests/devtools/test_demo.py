"""`plugins demo`, as `make demo` calls it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.support.servers import ROOT, ChildProcess, wait_until
from worker.devtools.demo.registry import serve_tags
from worker.devtools.demo.script import EXAMPLES, HOOK, JIRA

pytestmark = pytest.mark.process

PAIRS = Path(__file__).parents[1] / "data" / "examples"


def demo(folder: Path, cwd: Path = ROOT) -> ChildProcess:
    """The demo with its temporary folder below `folder`."""
    (folder / "tmp").mkdir()
    return ChildProcess(
        [sys.executable, "-m", "worker.cli", "demo"],
        log=folder / "demo.log",
        env={
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": str(ROOT),
            "PLUGINS_REDIS_URL": "redis://nowhere:1/0",
        },
        cwd=cwd,
    )


def left_of(folder: Path) -> list[str]:
    """Processes that have something of the demo's folder in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder / "tmp") in words:
            found.append(words)
    return found


def test_it_shows_every_operation_and_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        status = process.wait(timeout_s=400)
    shown = process.output()

    assert status == 0, shown
    for operation in (
        *("register", "update", "get", "get_versions", "list", "stat"),
        *("disable", "enable", "deregister"),
    ):
        assert f"command  plugin.{operation}  " in shown
    for event in (
        "1  registered",
        "2  updated",
        "2  disabled",
        "3  enabled",
        "4  deregistered",
        "5  registered",
    ):
        assert event in shown
    assert "versions +3, latest v1.2" in shown
    assert "refused  NOT_FOUND: plugin " in shown
    assert "commands, 10 events, each once and in order." in shown
    assert list((tmp_path / "tmp").iterdir()) == []
    assert left_of(tmp_path) == []


def test_where_something_cannot_run_it_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("bad: sh -c 'echo the setting is wrong; exit 3'\n")
    with demo(tmp_path, cwd=tmp_path) as process:
        status = process.wait(timeout_s=300)

    assert status == 1
    assert "bad ended at once (exit status 3)" in process.output()
    assert "bad | the setting is wrong" in process.output()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert left_of(tmp_path) == []


def test_interrupted_it_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        process.wait_for_output("Starting Redis")
        wait_until(lambda: any("mongod" in words for words in left_of(tmp_path)), what="the start of MongoDB")
        process.signal(signal.SIGINT)
        assert process.wait() == 1
    assert "Traceback" not in process.output()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert left_of(tmp_path) == []


def test_killed_it_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_until(lambda: any("mongod" in words for words in left_of(tmp_path)), what="the start of MongoDB")
        process.kill()
    wait_until(lambda: left_of(tmp_path) == [], what="the end of every process")


def test_what_it_sends_are_the_examples_of_the_api_text() -> None:
    pairs = {path.stem: json.loads(path.read_text()) for path in PAIRS.glob("*.json")}
    assert json.dumps(EXAMPLES["register"]) == json.dumps(pairs["register"]["request"])
    assert json.dumps(EXAMPLES["update"]) == json.dumps(pairs["update"]["request"])
    assert pairs["update"]["response"]["plugin_id"] == JIRA
    shown = pairs["disable"]["response"]
    assert {name: shown[name] for name in EXAMPLES["webhook"]} == EXAMPLES["webhook"]
    assert shown["plugin_id"] == HOOK


@pytest.mark.parametrize("count", [0, 1, 4, 5, 9])
def test_its_registry_pages(count: int) -> None:
    tags = [f"1.{n}" for n in range(count)]
    found: list[str] = []
    with serve_tags({"a/b": tags}) as url:
        path: str | None = "/v2/a/b/tags/list?n=1000"
        while path:
            with urlopen(Request(url + path)) as answer:
                found += json.load(answer)["tags"]
                link = answer.headers["Link"]
            path = link[1 : link.index(">")] if link else None
    assert found == tags
