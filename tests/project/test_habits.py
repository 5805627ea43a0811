"""What stands twice, in files for people and for machines, agrees."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.project.test_lock import PYTHONS
from tests.support.servers import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return loaded


def pythons(job: dict[str, Any]) -> list[str]:
    matrix: list[str] = job["strategy"]["matrix"]["python"]
    return matrix


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def test_the_quick_tests_run_on_each_python_and_all_on_the_oldest_and_the_newest() -> None:
    jobs = workflow("ci.yml")["jobs"]
    assert pythons(jobs["quick"]) == PYTHONS
    assert pythons(jobs["full"]) == [PYTHONS[0], PYTHONS[-1]]
    assert "make test T=quick" in commands(jobs["quick"])


def test_the_newest_dependencies_are_tried_on_each_python() -> None:
    (job,) = workflow("weekly.yml")["jobs"].values()
    assert (pythons(job), commands(job)) == (PYTHONS, ["make outdated"])


@pytest.mark.parametrize(
    "file", [*WORKFLOWS, ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run"], ids=lambda file: file.name
)
def test_each_target_of_make_that_is_named_is_there(file: Any) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(
        r"\bmake (?:[A-Z]+=\S+ )?([a-z]+)", re.sub(r"^#.*", "", file.read_text(), flags=re.MULTILINE)
    )
    assert named or file.name == "CONTRIBUTING.md"
    assert set(named) <= targets


def test_what_is_not_quick_is_the_rest() -> None:
    """CI runs both, one after the other: a test in neither would never run there."""
    quick, rest = re.findall(r'-m "([a-z ]+)"', (ROOT / "Makefile").read_text())
    assert [tier.removeprefix("not ") for tier in quick.split(" and ")] == rest.split(" or ")
    script = (ROOT / ".ci" / "run").read_text()
    assert "make coverage " in script and "make test T=rest " in script


def test_debian_packages_are_the_same_in_both_ways_to_test() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    packages = set(re.findall(r"missing\+=\((\S+)\)", script))
    (install,) = (step for step in commands(workflow("ci.yml")["jobs"]["full"]) if "apt-get" in step)
    assert packages and packages <= set(install.split())


def test_the_hooks_run_what_make_check_runs() -> None:
    check = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    checked = set(re.findall(r"\$\(BIN\)/(\S+)", check))
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in local["hooks"]} == checked


def test_the_version_has_a_date_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    titles = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert titles[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", titles[1])
