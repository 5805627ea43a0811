"""docker-compose.yml and the Dockerfile, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.servers import ROOT
from worker.devtools.procfile import Process, read_procfile

PROCESSES = read_procfile(ROOT / "Procfile")


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
    assert "--replSet rs0" in mongo["command"]
    volumes = [volume.partition(":")[0] for volume in redis["volumes"] + mongo["volumes"]]
    assert set(volumes) == set(compose["volumes"])


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
