"""docker-compose.yml and the Dockerfile, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import json
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deploy import env
from tests.support.servers import ROOT
from worker.devtools.procfile import Process, read_procfile
from worker.process.panel_roles import with_panel

PROCESSES = read_procfile(ROOT / "Procfile")
PINNED = re.compile(r"[a-z/]+:[0-9][0-9a-z.-]*@sha256:[0-9a-f]{64}")
GRACE_S = 15
NOT_PINNED = {"flower"}
"""No public repository that we know says which digest its tag has: docker buildx imagetools inspect does."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def test_it_follows_the_compose_schema(compose: dict[str, Any]) -> None:
    vendored = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text())
    checker = jsonschema.validators.validator_for(schema)(schema)
    assert [error.message for error in checker.iter_errors(compose)] == []
    assert not checker.is_valid({"services": {"one": {"comand": "misspelt"}}})


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_it_runs_each_process_of_the_procfile(compose: dict[str, Any], process: Process) -> None:
    service = compose["services"][process.name]
    assert service["command"] == process.command
    assert service["build"] == "."
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" not in service, "the image has one"
    # What a process may take to end in an outage.
    assert int(service["stop_grace_period"].removesuffix("s")) >= GRACE_S
    assert service["depends_on"] == {
        "redis": {"condition": "service_healthy"},
        "mongo": {"condition": "service_healthy"},
    }


def test_it_runs_nothing_else_than_servers_processes_and_flower(compose: dict[str, Any]) -> None:
    names = {process.name for process in PROCESSES}
    assert set(compose["services"]) == names | {"redis", "mongo", "flower"}


def test_ports_are_open_on_the_loopback_interface_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_servers_keep_their_data(compose: dict[str, Any]) -> None:
    redis, mongo = compose["services"]["redis"], compose["services"]["mongo"]
    assert "--appendonly yes" in redis["command"]
    assert "--replSet rs0" in mongo["entrypoint"][-1]
    volumes = [volume.partition(":")[0] for volume in redis["volumes"] + mongo["volumes"]]
    assert {volume for volume in volumes if not volume.startswith(".")} == set(compose["volumes"])


def test_nothing_is_writable_but_data_and_no_process_may_become_root(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        mounts = [volume for volume in service.get("volumes", []) if volume.startswith(".")]
        assert all(mount.endswith(":ro") for mount in mounts), name
    # The images of the servers begin as root, to become these themselves.
    assert compose["services"]["redis"]["user"] == "redis"
    assert compose["services"]["mongo"]["user"] == "mongodb"


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    images = {name: each["image"] for name, each in compose["services"].items() if "build" not in each}
    assert {name for name, image in images.items() if not PINNED.fullmatch(image)} == NOT_PINNED
    assert re.fullmatch(r"[a-z/]+:[0-9]+[.][0-9]+[.][0-9]+", images["flower"])
    base = re.findall(r"^ARG PYTHON=(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(base) == 1 and PINNED.fullmatch(base[0])
    froms = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert froms == ["${PYTHON}", "${PYTHON}"]


def test_redis_is_of_the_last_line_under_a_free_licence(compose: dict[str, Any]) -> None:
    assert compose["services"]["redis"]["image"].startswith("redis:7.2-")


def test_each_process_has_a_user_of_its_own(compose: dict[str, Any]) -> None:
    users = {}
    for name, service in compose["services"].items():
        for value in service.get("environment", {}).values():
            if found := re.fullmatch(
                r"redis://([a-z]+):\$\{(REDIS_[A-Z]+_PASSWORD):[^}]+\}@redis:6379/0", value
            ):
                users[name] = found.groups()
    known = {role.name for role in with_panel()}
    expected = [*(process.name for process in PROCESSES), "flower"]
    assert users == {name: (name, f"REDIS_{name.upper()}_PASSWORD") for name in expected}
    assert set(expected) <= known


def test_make_env_writes_each_variable_that_it_reads(compose: dict[str, Any], tmp_path: Path) -> None:
    copy = tmp_path / "deploy" / "redis"
    copy.mkdir(parents=True)
    shutil.copy(ROOT / env.USERS, copy)
    env.write(tmp_path)
    written = dict(line.split("=") for line in (tmp_path / ".env").read_text().splitlines())
    read = re.findall(r"(?<!\$)\$\{([A-Z_]+):\?run make env\}", (ROOT / "docker-compose.yml").read_text())
    assert set(read) <= set(written)
    assert len(re.findall(r"(?<!\$)\$\{", (ROOT / "docker-compose.yml").read_text())) == len(read)


def image() -> list[str]:
    """The lines of the Dockerfile that make the image itself."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]


def test_the_image_is_not_run_by_root_and_its_default_is_the_commands_process() -> None:
    assert "USER plugins" in image()
    command = next(line for line in image() if line.startswith("CMD ")).removeprefix("CMD ")
    assert " ".join(json.loads(command)) == PROCESSES[0].command


def test_the_image_judges_its_health_by_the_command_line() -> None:
    check = next(line for line in image() if line.startswith("HEALTHCHECK "))
    assert json.loads(check.partition(" CMD ")[2]) == ["plugins", "healthcheck"]


def test_what_the_image_copies_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        word
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY") and "--from" not in line
        for word in line.split()[1:-1]
    ]
    assert copied and set(copied) <= kept
    assert all((ROOT / name).exists() for name in kept)
