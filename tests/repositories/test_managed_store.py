"""Managed repositories in a real store: loaded whole, changed with their folder, seen by every domain."""

import logging
import os
import threading
from datetime import timedelta
from typing import Any

import pytest

from contracts.commands import GetPlugin, ListPlugins
from contracts.plugin import RepositoryInfo
from tests.repositories.world import JIRA, World, put
from tests.support.deployments import LOCAL, managed_entry, plugin_row
from tests.support.servers import wait_until
from worker.domain.managed import managed_plugin
from worker.domain.policy import Policy
from worker.domain.repositories import ManagedOptions
from worker.process.periodic import Periodic
from worker.repositories.managed.folder import read_folder
from worker.store.managed import Loaded, ManagedPlugin, ManagedPlugins

MANAGED_INFO = RepositoryInfo(repository_id="repo-one", name="One", repository_type="managed")


def test_every_domain_sees_them_as_its_own(world: World) -> None:
    put(world.one, "jira", tags={"$ref": 1, "a.b": 2})
    world.watch().run()

    for domain in ("d-1", "d-2"):
        row = world.answer(GetPlugin, domain_id=domain, plugin_id="jira")
        assert row["domain_id"] == domain
        assert row["repository_info"] == {
            "repository_id": "repo-one",
            "name": "Repo-One",
            "repository_type": "managed",
        }
        assert row["tags"] == {"$ref": 1, "a.b": 2}
        assert "revision" not in row
        assert world.answer(ListPlugins, domain_id=domain) == {"results": [row], "total_count": 1}


def test_a_folder_is_followed(world: World) -> None:
    put(world.one, "jira")
    put(world.one, "slack")
    watch = world.watch()
    watch.run()
    assert world.names() == ["jira", "slack"]
    before = world.answer(GetPlugin, plugin_id="slack")

    world.now += timedelta(hours=1)
    put(world.one, "slack", name="Slack, renamed")
    put(world.one, "teams")
    (world.one / "jira.json").unlink()
    watch.run()

    assert world.names() == ["Slack, renamed", "teams"]
    after = world.answer(GetPlugin, plugin_id="slack")
    assert after["created_at"] == before["created_at"] == "2026-05-01T12:00:00.000Z"
    assert after["updated_at"] == "2026-05-01T13:00:00.000Z"


def test_a_bad_document_keeps_its_last_good_version(world: World, caplog: pytest.LogCaptureFixture) -> None:
    put(world.one, "jira")
    put(world.one, "slack")
    watch = world.watch()
    watch.run()

    put(world.one, "jira", name=5)
    put(world.one, "slack", name="Slack 2")
    with caplog.at_level(logging.WARNING):
        watch.run()
        watch._loaded.clear()
        watch.run()

    assert sorted(world.names()) == ["Slack 2", "jira"]
    told = [r.getMessage() for r in caplog.records if "jira.json" in r.getMessage()]
    assert len(told) == 1, "a fault is logged once"
    assert "INVALID_PARAMETER: name" in told[0]
    (world.one / "jira.json").unlink()
    watch.run()
    assert world.names() == ["Slack 2"]


def test_a_folder_that_is_away_takes_nothing_with_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    put(world.one, "jira")
    put(world.two, "slack")
    watch = world.watch()
    watch.run()

    world.one.rename(world.one.with_name("away"))
    put(world.two, "slack", name="Slack 2")
    watch.run()
    assert sorted(world.names()) == ["Slack 2", "jira"]
    assert "cannot be read" in caplog.text

    world.one.mkdir()
    watch.run()
    assert world.names() == ["Slack 2"], "an empty folder is one that has no plugins"


def test_a_name_that_is_no_text_holds_up_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    put(world.one, os.fsdecode(b"\xff\xfe"), image="acme/odd")
    put(world.one, "jira")
    put(world.two, "slack")

    world.watch().run()

    assert world.names() == ["jira", "slack"]
    assert "\\xff\\xfe.json: has a name that is not UTF-8" in caplog.text


def test_a_bug_in_one_repository_leaves_the_others_as_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(world.one, "jira")
    put(world.two, "slack")

    def read_or_fail(options: ManagedOptions, *rest: Any) -> Any:
        if options.path == world.one:
            raise LookupError("a bug")
        return read_folder(options, *rest)

    monkeypatch.setattr("worker.repositories.managed.watch.read_folder", read_or_fail)
    world.watch().run()

    assert world.names() == ["slack"]
    assert "repository repo-one could not be loaded" in caplog.text


def test_repositories_that_are_gone_take_theirs_with_them(world: World) -> None:
    put(world.one, "jira")
    put(world.two, "slack")
    world.watch().run()

    world.watch(LOCAL, managed_entry("repo-two", str(world.two))).run()

    assert world.names() == ["slack"]
    world.watch(LOCAL).run()
    assert world.plugins.count_documents({}) == 0


def test_another_name_or_place_of_a_repository_is_seen(world: World) -> None:
    put(world.one, "jira")
    world.watch().run()
    assert world.plugins.find_one()["rank"] == -1
    before = world.answer(GetPlugin, plugin_id="jira")

    world.now += timedelta(hours=1)
    moved = managed_entry("repo-one", str(world.one))
    world.watch(LOCAL, moved).run()
    assert world.plugins.find_one()["rank"] == 1
    assert world.answer(GetPlugin, plugin_id="jira") == before, "the plugin is what it was"

    world.watch(LOCAL, moved | {"name": "Market"}).run()
    after = world.answer(GetPlugin, plugin_id="jira")
    assert after == before | {"repository_info": before["repository_info"] | {"name": "Market"}}


def test_loading_again_writes_nothing(world: World) -> None:
    put(world.one, "jira")
    put(world.one, "slack", created_at="2020-01-01T00:00:00Z")
    world.watch().run()
    before = list(world.plugins.find())

    world.now += timedelta(hours=1)
    world.watch().run()

    assert list(world.plugins.find()) == before
    assert world.answer(GetPlugin, plugin_id="slack")["updated_at"] == "2020-01-01T00:00:00.000Z"


def test_a_store_that_lost_them_is_mended(world: World) -> None:
    put(world.one, "jira")
    watch = world.watch(reload_s=0)
    watch.run()
    world.plugins.delete_many({})
    watch.run()
    assert world.names() == ["jira"]


def generation(world: World, name: str) -> list[ManagedPlugin]:
    """Many plugins that all have one name."""
    policy = Policy(MANAGED_INFO, registry=lambda kind, url: "registry.hub.docker.com")
    documents = (JIRA | {"image": f"acme/p{number}", "name": name} for number in range(300))
    made = (managed_plugin(document, MANAGED_INFO, world.now, policy) for document in documents)
    return [ManagedPlugin(read.plugin, f"{read.plugin.plugin_id}.json", read.times) for read in made]


def test_what_is_the_same_is_not_written(world: World) -> None:
    store, plugins = ManagedPlugins(world.store.database), generation(world, "0")

    assert store.load(MANAGED_INFO, 1, plugins, world.now) == Loaded(300, 0)
    assert store.load(MANAGED_INFO, 1, plugins, world.now + timedelta(hours=1)) == Loaded(0, 0)
    assert store.load(MANAGED_INFO, 1, plugins[1:], world.now) == Loaded(0, 1)


def test_there_is_no_moment_with_half_of_a_load(world: World) -> None:
    world.watch().run()
    store = ManagedPlugins(world.store.database)
    store.load(MANAGED_INFO, 1, generation(world, "0"), world.now)
    ended = threading.Event()
    seen: set[tuple[str, ...]] = set()

    def look() -> None:
        client = world.store.database.client
        while not ended.is_set():
            with client.start_session(snapshot=True) as moment:
                found = world.plugins.find({"scope": ""}, {"plugin.name": 1}, session=moment)
                seen.add(tuple(sorted({document["plugin"]["name"] for document in found})))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for name in "1234":
            store.load(MANAGED_INFO, 1, generation(world, name), world.now)
            wait_until(lambda name=name: (name,) in seen, 60, "a look at it")  # type: ignore[misc]
    finally:
        ended.set()
        thread.join()
    assert len(seen) > 1
    assert all(len(names) == 1 for names in seen), seen


def test_processes_may_load_one_folder_at_once(world: World) -> None:
    for number in range(50):
        put(world.one, f"p{number}")
    failures: list[BaseException] = []

    def load() -> None:
        try:
            world.watch().run()
        except BaseException as fault:
            failures.append(fault)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(world.names()) == 50


def test_the_thread_loads_at_start_and_on_change(world: World) -> None:
    put(world.one, "jira")
    thread = Periodic("repositories", [world.watch(interval_s=0.05)])
    thread.start()
    try:
        wait_until(lambda: world.names() == ["jira"])
        put(world.one, "slack")
        wait_until(lambda: world.names() == ["jira", "slack"])
    finally:
        thread.stop()
    assert not thread.is_alive()


def test_a_process_that_ends_leaves_the_load_for_the_next_start(world: World) -> None:
    put(world.one, "jira")
    world.watch(stopping=lambda: True).run()
    assert world.names() == []
    world.watch().run()
    assert world.names() == ["jira"]


def test_local_plugins_say_what_the_local_repository_is_called_now(world: World) -> None:
    world.store.insert(plugin_row("jira"), plugin_row("slack"))
    renamed = LOCAL | {"name": "Ours"}

    world.watch(renamed).run()

    assert {row["repository_info"]["name"] for row in world.answer(ListPlugins)["results"]} == {"Ours"}
    assert all(d["revision"] == 1 for d in world.plugins.find())
    store = ManagedPlugins(world.store.database)
    assert store.rename_local(RepositoryInfo.model_validate(renamed)) == 0, (
        "what is right is not written again"
    )


def test_plugins_of_a_worker_that_is_being_replaced_are_renamed_too(world: World) -> None:
    def stale() -> int:
        return int(world.plugins.count_documents({"plugin.repository_info.name": "Local"}))

    watch = world.watch(LOCAL | {"name": "Ours"}, reload_s=0)
    watch.run()
    for plugin_id in ("jira", "slack"):
        world.store.insert(plugin_row(plugin_id))
        watch.run()
        assert stale() == 0
    watch.run()
    world.store.insert(plugin_row("teams"))
    watch.run()
    assert stale() == 1, "after a look that finds none it is not looked for any more"
