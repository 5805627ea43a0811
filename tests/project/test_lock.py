"""The locks hold whatever pyproject.toml declares, with hashes, within its ranges, for every Python that it names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.servers import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
PREFIX = "Programming Language :: Python :: 3."
PYTHONS = [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if text.startswith(PREFIX)]
# The extras of each lock, beside the dependencies themselves and what builds the project.
LOCKS = {"image": ("aws", "gcp"), "trial": ("embedded",), "dev": ("dev", "embedded")}
EVERY_LOCK = pytest.mark.parametrize("lock", LOCKS)


@dataclass(frozen=True)
class Pin:
    """One line of a lock."""

    requirement: Requirement
    hashes: tuple[str, ...]

    def version(self) -> Version:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "=="
        return Version(specifier.version)


def text_of(lock: str) -> str:
    return (ROOT / "requirements" / f"{lock}.lock").read_text()


def pins(lock: str) -> Iterator[Pin]:
    lines = [line for line in text_of(lock).splitlines() if not line.lstrip().startswith("#")]
    for entry in "\n".join(lines).replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", entry.strip())
        yield Pin(Requirement(requirement), tuple(hashes))


def declared(lock: str) -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *PYPROJECT["build-system"]["requires"]]
    for extra in LOCKS[lock]:
        texts += PROJECT["optional-dependencies"][extra]
    requirements = [Requirement(text) for text in texts]
    return [each for each in requirements if canonicalize_name(each.name) != PROJECT["name"]]


def environment(python: str) -> dict[str, str]:
    linux = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"}
    return {**default_environment(), **linux, "python_version": python, "python_full_version": f"{python}.9"}  # type: ignore[dict-item]


def needed(requirement: Requirement, python: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment(python))


def locked(lock: str, python: str) -> dict[str, Version]:
    found = [pin for pin in pins(lock) if needed(pin.requirement, python)]
    versions: dict[str, Version] = {canonicalize_name(pin.requirement.name): pin.version() for pin in found}
    assert len(versions) == len(found), "one version of each"
    return versions


def test_the_locks_are_all_there() -> None:
    assert {file.stem for file in (ROOT / "requirements").iterdir()} == set(LOCKS)


@EVERY_LOCK
@pytest.mark.parametrize("python", PYTHONS)
def test_whatever_is_declared_is_locked_within_its_range(lock: str, python: str) -> None:
    versions = locked(lock, python)
    for requirement in declared(lock):
        if needed(requirement, python):
            version = versions[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement


@EVERY_LOCK
def test_each_version_has_hashes(lock: str) -> None:
    for pin in pins(lock):
        assert pin.hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in pin.hashes), pin


@EVERY_LOCK
def test_no_address_of_an_index_is_locked(lock: str) -> None:
    assert not re.search(r"://|--index|--extra-index|--find-links", text_of(lock))


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_agree(python: str) -> None:
    """What runs in the image is what was tested."""
    tested = locked("dev", python)
    for lock in ("image", "trial"):
        both = locked(lock, python)
        assert {name: both[name] for name in both if name in tested}.items() <= tested.items()
    assert locked("trial", python).keys() <= tested.keys()


def test_what_builds_the_project_is_what_the_locks_were_made_with() -> None:
    assert PYPROJECT["dependency-groups"]["build"] == PYPROJECT["build-system"]["requires"]


def test_the_oldest_python_is_the_one_that_is_required() -> None:
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert sorted(PYTHONS, key=Version) == PYTHONS
