"""A folder of plugin documents is read like any other input: by the rules, or refused by name."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import InvalidParameter
from contracts.plugin import RepositoryInfo
from tests.support.servers import wait_until
from worker.domain.managed import managed_plugin
from worker.domain.policy import Policy
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.registry.hosts import check_registry
from worker.domain.repositories import ManagedOptions
from worker.repositories.managed import folder
from worker.repositories.managed.folder import (
    Contents,
    DocumentFault,
    FolderError,
    check_folder,
    read_folder,
    signature,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
INFO = RepositoryInfo(repository_id="repo-m", name="Managed", repository_type="managed")
ALLOWED = AllowedRegistries.parse("registry.example.com")
POLICY = Policy(repository=INFO, registry=lambda kind, url: check_registry(ALLOWED, kind, url))
JIRA = {"name": "JIRA", "service_type": "notification.Protocol", "image": "acme/jira"}


def write(folder: Path, name: str, document: Any) -> Path:
    file = folder / name
    file.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return file


def read(folder: Path) -> Contents:
    return read_folder(ManagedOptions(path=folder), INFO, POLICY, NOW)


def check(folder: Path) -> list[DocumentFault]:
    return list(check_folder(ManagedOptions(path=folder), POLICY).faults)


def test_other_permissions_are_a_change(tmp_path: Path) -> None:
    file = write(tmp_path, "jira.json", JIRA)
    before = signature(tmp_path)
    assert signature(tmp_path) == before

    def changed() -> bool:
        # The clock of a file system may stand still for some milliseconds.
        file.chmod(0o600)
        return signature(tmp_path) != before

    wait_until(changed)


def test_a_document_gives_a_plugin(tmp_path: Path) -> None:
    text = """
name: JIRA
service_type: notification.Protocol
image: acme/jira
provider: atlassian
tags: {"a.b": 1, $ref: x, released: 2026-01-01, price: 1.50}
labels: [jira, "yes"]
template:
  options:
    schema: {type: object, properties: {project: {type: string}}}
"""
    write(tmp_path, "jira.yaml", text)

    (managed,) = read(tmp_path).plugins

    plugin = managed.plugin
    assert (plugin.plugin_id, plugin.state, plugin.revision) == ("jira", "ENABLED", None)
    assert plugin.repository_info == INFO
    assert plugin.registry_url == "registry.hub.docker.com"
    assert plugin.tags == {"a.b": 1, "$ref": "x", "released": "2026-01-01", "price": 1.5}
    assert managed.source == "jira.yaml"
    assert managed.times == frozenset()


def test_what_a_document_may_say_beside(tmp_path: Path) -> None:
    times = {"created_at": "2025-01-02T03:04:05.678Z", "updated_at": "2025-02-01T00:00:00+09:00"}
    write(tmp_path, "a.json", JIRA | {"plugin_id": "jira", "state": "DISABLED"} | times)

    (managed,) = read(tmp_path).plugins

    assert managed.plugin.state == "DISABLED"
    assert managed.plugin.created_at == datetime(2025, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert managed.plugin.updated_at == datetime(2025, 1, 31, 15, tzinfo=UTC)
    assert managed.times == {"created_at", "updated_at"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": None}, "REQUIRED_PARAMETER: name"),
        ({"service_type": 5}, "INVALID_PARAMETER: service_type"),
        ({"image": "acme/jira:1"}, "INVALID_IMAGE"),
        ({"image": "acme/" + "j" * 1020}, "INVALID_IMAGE"),
        (
            {"template": {"options": {"schema": {"type": "objekt"}}}},
            "INVALID_TEMPLATE_SCHEMA: template.options",
        ),
        ({"registry_type": "HARBOR", "registry_url": "elsewhere.example.com"}, "REGISTRY_NOT_ALLOWED"),
        ({"registry_type": "HARBOR"}, "REQUIRED_PARAMETER: registry_url"),
        ({"registry_config": {"password": "x"}}, "INVALID_PARAMETER: registry_config"),
        ({"registry_config": {"credential": "theirs"}}, "INVALID_PARAMETER: registry_config.credential"),
        ({"plugin_id": "acme/jira"}, "plugin_id: must be such as the last path part of an image is"),
        ({"plugin_id": "j\x00"}, "plugin_id: must be such as the last path part of an image is"),
        ({"state": "GONE"}, "INVALID_PARAMETER: state"),
        ({"created_at": "yesterday"}, "created_at must be an ISO 8601 time"),
        ({"created_at": 5}, "created_at must be an ISO 8601 time"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "INVALID_PARAMETER: created_at is out of range"),
        ({"domain_id": "d-1"}, "domain_id is not a field of a managed plugin"),
        ({"colour": "red"}, "unknown parameter colour"),
        ({"tags": {"a": "\x00"}}, "NUL"),
        ({"tags": {"a": 2**70}}, "of more than 64 bits"),
    ],
)
def test_the_rules_of_a_registration_hold(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write(tmp_path, "a.json", JIRA | change)
    write(tmp_path, "b.json", JIRA | {"image": "acme/slack"})

    contents = read(tmp_path)

    assert [m.plugin.plugin_id for m in contents.plugins] == ["slack"], "the others are as they were"
    (fault,) = contents.faults
    assert fault.file == "a.json"
    assert words in str(fault)
    assert str(tmp_path / "a.json") in str(fault)
    assert check(tmp_path) == [fault]


@pytest.mark.parametrize("name", ["created_at", "updated_at"])
def test_a_time_out_of_range_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(InvalidParameter, match=f"{name} is out of range") as refusal:
        managed_plugin(JIRA | {name: "9999-12-31T23:59:59-14:00"}, INFO, NOW, POLICY)
    assert refusal.value.details == {"path": name}


def test_a_hostile_file_is_a_fault_of_its_own(tmp_path: Path) -> None:
    """What the reader refuses, and what it reads but the store could not hold."""
    write(tmp_path, "a.yaml", "a: &a {b: *a}")
    write(tmp_path, "b.yaml", "[" * 100_000)
    write(tmp_path, "c.yaml", "tags: {a: 1e999}")
    write(tmp_path, "d.json", '{"tags": {"a": NaN}}')
    write(tmp_path, "e.json", '{"tags": {"a": "\\ud800"}}')
    write(tmp_path, "f.json", "[]")
    write(tmp_path, "g.yaml", "")
    write(tmp_path, "h.json", JIRA)

    contents = read(tmp_path)

    assert [managed.source for managed in contents.plugins] == ["h.json"]
    reasons = {fault.file: fault.reason for fault in contents.faults}
    assert (
        contents.bad_files
        == set(reasons)
        == {f"{name}.{'json' if name in 'def' else 'yaml'}" for name in "abcdefg"}
    )
    assert "uses an alias" in reasons["a.yaml"]
    assert "not a finite number" in reasons["c.yaml"]
    assert "not a finite number" in reasons["d.json"]
    assert "lone surrogate" in reasons["e.json"]
    assert "must be an object" in reasons["f.json"]
    assert "must be an object" in reasons["g.yaml"]


def test_a_name_that_is_no_text_is_its_files_fault(tmp_path: Path) -> None:
    write(tmp_path, os.fsdecode(b"\xff\xfe.json"), JIRA)
    write(tmp_path, "slack.json", JIRA | {"image": "acme/slack"})

    contents = read(tmp_path)

    assert [m.plugin.plugin_id for m in contents.plugins] == ["slack"]
    assert list(contents.faults) == check(tmp_path)
    assert str(contents.faults[0]) == f"{tmp_path}/\\xff\\xfe.json: has a name that is not UTF-8"


def test_a_fault_is_one_line_whatever_the_file_and_its_fields_are_called(tmp_path: Path) -> None:
    for name in ("a\nERROR of mine.json", "b\x1b[2J\x9b.json", "c\u202e.yaml"):
        write(tmp_path, name, JIRA | {"\x1b]0;t\x07\nERROR": 1, "state": "\x1b[2J"})
    faults = [str(fault) for fault in check(tmp_path)]
    assert len(faults) == 3
    assert all(fault.isprintable() for fault in faults)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "nowhere.yaml").symlink_to(tmp_path / "gone")

    reasons = {fault.file: fault.reason for fault in read(tmp_path).faults}

    assert reasons["pipe.yaml"] == reasons["folder.yaml"] == "is not a regular file"
    assert "cannot be read" in reasons["nowhere.yaml"]


def test_only_documents_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("not a plugin")
    (tmp_path / ".hidden.yaml").write_text("nor this")
    (tmp_path / "below").mkdir()

    assert read(tmp_path) == Contents((), ())


def test_one_plugin_twice_is_the_later_files_fault(tmp_path: Path) -> None:
    write(tmp_path, "a.json", JIRA)
    write(tmp_path, "b.json", JIRA | {"name": "Other"})

    contents = read(tmp_path)

    assert [m.plugin.name for m in contents.plugins] == ["JIRA"]
    assert [str(f) for f in contents.faults] == [f"{tmp_path / 'b.json'}: has the plugin of a.json, jira"]


def test_a_missing_folder_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(FolderError):
        read(tmp_path / "gone")
    (fault,) = check(tmp_path / "gone")
    assert fault.file is None


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 2)
    for name in ("a", "b", "c"):
        write(tmp_path, f"{name}.json", JIRA)

    with pytest.raises(FolderError, match="more than 2"):
        read(tmp_path)
