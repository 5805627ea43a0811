"""What `make` runs, as the shell reads it."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from tests.support.servers import ROOT

pytestmark = pytest.mark.process


def dry_run(*arguments: str) -> list[str]:
    """Return the lines that `make ARGUMENTS` would run."""
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", *arguments]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return shown.stdout.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("target", ["up", "down"])
def test_the_folder_of_the_data_may_have_a_space(target: str) -> None:
    words = shlex.split(dry_run(target, "DATA_DIR=/tmp/a b")[-1])
    assert words[words.index("--data-dir") + 1] == "/tmp/a b"


@pytest.mark.parametrize("target", ["up", "down"])
def test_an_empty_data_folder_is_the_usual_one(target: str) -> None:
    words = shlex.split(dry_run(target, "DATA_DIR=")[-1])
    assert words[words.index("--data-dir") + 1] == ".plugins"


def test_a_part_of_the_tests_that_does_not_exist_is_told() -> None:
    line = next(line for line in dry_run("test", "T=tests/nonsense") if "nonsense" in line)
    run = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 2
    assert "There is no tests/nonsense" in run.stderr


@pytest.mark.parametrize(
    ("target", "lock"), [("up", "trial"), ("demo", "trial"), ("test", "dev"), ("check", "dev")]
)
def test_what_is_installed_is_what_the_lock_holds(target: str, lock: str) -> None:
    installed = [shlex.split(line) for line in dry_run(target) if " pip " in line]
    locked, project = installed
    assert {"--require-hashes", f"requirements/{lock}.lock"} <= set(locked)
    assert {"--no-deps", "--no-build-isolation"} <= set(project)


@pytest.mark.parametrize(
    ("python", "folder"),
    [("python3", ".venv"), ("python3.12", ".venv-python3.12"), ("/opt/bin/python3.13", ".venv-python3.13")],
)
def test_each_python_has_an_environment_of_its_own(python: str, folder: str) -> None:
    lines = dry_run("demo", f"PYTHON={python}")
    assert f"{python} -m venv {folder}" in lines
    assert lines[-1].startswith(f"{folder}/bin/plugins demo")
