"""What the README shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.client import PluginClient
from tests.support.live import Live
from tests.support.servers import ROOT, ChildProcess
from worker.settings import Settings

README = (ROOT / "README.md").read_text()
URL = "redis://localhost:6379/0"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def block_with(language: str, text: str) -> str:
    (found,) = (block for block in blocks(language) if text in block)
    return found


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture
def run(live: Live, tmp_path: Path) -> Iterator[Callable[[str], ChildProcess]]:
    """Starts a snippet as a program of its own, against the test's Redis."""
    started: list[ChildProcess] = []

    def start(snippet: str) -> ChildProcess:
        assert URL in snippet
        script = tmp_path / f"snippet{len(started)}.py"
        script.write_text(snippet.replace(URL, live.redis_url))
        child = ChildProcess([sys.executable, str(script)], log=script.with_suffix(".log"), cwd=ROOT)
        started.append(child.start())
        return child

    yield start
    for child in started:
        child.kill()


def test_commands_by_the_client(run: Callable[[str], ChildProcess]) -> None:
    program = run(block_with("python", "PluginClient("))
    assert program.wait() == 0, program.output()
    assert program.output().splitlines() == ["slack ENABLED 1", "['one', 'two']", "NOT_FOUND"]


def test_commands_by_bare_celery(run: Callable[[str], ChildProcess]) -> None:
    program = run(block_with("python", "app.send_task("))
    assert program.wait() == 0, program.output()
    assert program.output().splitlines() == ["1"]


def test_changes_by_the_subscriber(
    run: Callable[[str], ChildProcess], client: PluginClient, domain: str
) -> None:
    program = run(block_with("python", "Subscriber("))
    client.ask("register", domain_id=domain, name="J", service_type="x.Y", image="acme/jira")
    program.wait_for_output(f"{domain}/jira 1 registered\n")


def test_changes_by_bare_redis(run: Callable[[str], ChildProcess], client: PluginClient, domain: str) -> None:
    program = run(block_with("python", "xreadgroup"))
    client.ask("register", domain_id=domain, name="J", service_type="x.Y", image="acme/jira")
    program.wait_for_output(f"{domain}/jira@1 registered\n")


def test_every_python_snippet_is_tested() -> None:
    assert len(blocks("python")) == 4


def test_the_command_line(live: Live) -> None:
    (script,) = re.findall(r"```sh\n(.*?)```", section("Command line"), re.DOTALL)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, **live.env, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert '"revision": 2' in done.stdout
    assert "1 applied, 0 refused" in done.stdout
    assert '"change": "disabled"' in done.stdout


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `PLUGINS_(\w+)` \|(.*?)\| .+ \|$", section("Settings"), re.MULTILINE))
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        shown = rows[name.upper()].strip()
        if isinstance(field.default, bool):
            assert shown == f"`{str(field.default).lower()}`"
        elif isinstance(field.default, int | float):
            assert float(shown.strip("`")) == field.default
        elif field.default and isinstance(field.default, str):
            assert shown == f"`{field.default}`"


def test_every_link_into_the_project_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("http")]
    assert links
    headings = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    }
    for link in links:
        assert link[1:] in headings if link.startswith("#") else (ROOT / link).exists(), link


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= targets
