"""Documents as the reference has them are read: other names, ids of their own, fields without a place here."""

import logging
from pathlib import Path
from typing import Any

import pytest

from contracts.commands import GetPlugin, ListPlugins
from tests.repositories.test_managed_documents import INFO, NOW, POLICY, read, write
from tests.repositories.world import World
from tests.support.deployments import managed_entry
from worker.domain.managed import managed_plugin
from worker.domain.repositories import ManagedOptions
from worker.repositories.managed.folder import check_folder

FOREIGN = {
    "name": "Chat",
    "plugin_id": "chat-protocol",
    "image": "plugin-chat-notification-protocol-for-everyone",
    "resource_type": "notification.Protocol",
    "provider": "acme",
    "capability": {"supported_schema": []},
    "labels": [],
    "tags": {"description": "Chat", "long_description": "Chat, at length"},
    "template": {},
}
"""Of the shape of the reference's documents; its image is longer than a caller's may be."""


def plugin(**changes: Any) -> Any:
    return managed_plugin(FOREIGN | changes, INFO, NOW, POLICY).plugin


def test_todays_name_of_the_service_type_is_taken() -> None:
    assert plugin().service_type == "notification.Protocol"
    assert plugin(service_type="notification.Protocol").service_type == "notification.Protocol"
    assert plugin(service_type="a.B", resource_type="").service_type == "a.B"


def test_a_document_may_have_an_id_of_its_own_and_a_longer_image() -> None:
    assert plugin().plugin_id == "chat-protocol"
    assert len(plugin().image) > POLICY.image_max_length
    assert plugin(plugin_id=None).plugin_id == FOREIGN["image"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"service_type": "a.B"}, "resource_type is another name of service_type, and they differ"),
        ({"resource_type": None}, "service_type is required"),
        ({"resource_type": 5}, "INVALID_PARAMETER: service_type"),
        ({"resource_typ": "a.B"}, "unknown parameter resource_typ"),
        ({"doc": {}}, "unknown parameter doc"),
        ({"domain_id": "d-1"}, "every domain sees it"),
    ],
)
def test_what_is_wrong_or_misspelt_is_a_fault(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write(tmp_path, "a.json", FOREIGN | change)
    (fault,) = read(tmp_path).faults
    assert words in fault.reason


def test_fields_without_a_place_here_are_left_out_and_told(tmp_path: Path) -> None:
    write(tmp_path, "a.json", FOREIGN | {"docs": {"en": "# Chat"}, "project_id": "p"})
    write(tmp_path, "b.json", FOREIGN | {"plugin_id": "b", "docs": {}, "repository_info": {"name": "x"}})
    write(tmp_path, "c.json", FOREIGN | {"plugin_id": "c"})

    contents = check_folder(ManagedOptions(path=tmp_path), POLICY)

    assert not contents.faults
    assert [managed.plugin.plugin_id for managed in contents.plugins] == ["chat-protocol", "b", "c"]
    assert contents.left_out_text == "docs (2 documents), project_id (a.json), repository_info (b.json)"


def test_what_is_left_out_is_logged_once_and_is_no_warning(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    write(world.one, "a.json", FOREIGN | {"docs": {"en": "# Chat"}})
    watch = world.watch(reload_s=0)
    with caplog.at_level(logging.INFO, "worker.repositories"):
        watch.run()
        watch.run()
    told = [r for r in caplog.records if "docs (a.json)" in r.getMessage()]
    assert [r.levelno for r in told] == [logging.INFO]
    assert not [r for r in caplog.records if r.levelno > logging.INFO]


def test_a_change_of_an_id_is_followed_and_a_bad_document_keeps_its_plugin(world: World) -> None:
    for name in ("a", "b"):
        write(world.one, f"{name}.json", FOREIGN | {"plugin_id": name, "name": name})
    watch = world.watch()
    watch.run()
    assert world.names() == ["a", "b"]

    write(world.one, "a.json", FOREIGN | {"plugin_id": "renamed", "name": "renamed"})
    write(world.one, "b.json", FOREIGN | {"plugin_id": "B", "name": "of a bad document"})
    watch.run()

    assert world.names() == ["b", "renamed"]
    ids = {row["plugin_id"] for row in world.answer(ListPlugins)["results"]}
    assert ids == {"b", "renamed"}


def test_one_id_in_two_documents_is_the_later_files_fault(tmp_path: Path) -> None:
    write(tmp_path, "a.json", FOREIGN)
    write(tmp_path, "b.json", FOREIGN | {"image": "another"})
    write(tmp_path, "c.json", FOREIGN | {"plugin_id": None, "image": "acme/chat-protocol"})
    faults = read(tmp_path).faults
    assert [(f.file, f.reason) for f in faults] == [
        (name, "has the plugin of a.json, chat-protocol") for name in ("b.json", "c.json")
    ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.yaml", "name: a\n---\nname: b\n", "has more than one document: line 2, column 1"),
        ("a.yml", "---\nname: a\n---\n", "has more than one document: line 3, column 1"),
        ("a.json", '{"name": "a"}\n{"name": "b"}', "it goes on behind its end: line 2, column 1"),
        ("a.json", '[{"name": "a"}]', "must be an object: one plugin"),
        ("a.yaml", "- name: a\n- name: b\n", "must be an object: one plugin"),
    ],
)
def test_a_file_is_one_plugin(tmp_path: Path, name: str, text: str, words: str) -> None:
    write(tmp_path, name, text)
    write(tmp_path, "b.yml", "---\nname: b\nservice_type: a.B\nimage: b\n...\n")

    contents = read(tmp_path)

    assert [managed.source for managed in contents.plugins] == ["b.yml"]
    assert words in contents.faults[0].reason


def test_the_settings_of_a_repository_complete_its_documents(world: World) -> None:
    write(world.one, "a.json", FOREIGN | {"provider": ""})
    write(world.two, "a.json", FOREIGN | {"provider": ""})
    one = managed_entry("repo-one", str(world.one)) | {"image_prefix": "acme", "defaults": {"provider": "p"}}
    world.watch(one, *world.entries[1:]).run()

    row = world.answer(GetPlugin, plugin_id="chat-protocol", repository_id="repo-one")
    assert (row["image"], row["provider"]) == (f"acme/{FOREIGN['image']}", "p")
    row = world.answer(GetPlugin, plugin_id="chat-protocol", repository_id="repo-two")
    assert row["image"] == FOREIGN["image"]
    assert "provider" not in row
    assert world.answer(ListPlugins, plugin_id="chat-protocol")["total_count"] == 2

    world.watch(one | {"image_prefix": "other"}, *world.entries[1:]).run()
    row = world.answer(GetPlugin, plugin_id="chat-protocol", repository_id="repo-one")
    assert row["image"] == f"other/{FOREIGN['image']}"
