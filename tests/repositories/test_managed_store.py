"""Managed repositories in a real store: loaded whole, changed with their folder, seen by every domain."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import monitoring

from contracts.commands import GetPlugin, ListPlugins, StatPlugins
from contracts.errors import InvalidParameter, PluginNotFound, RepositoryNotFound
from contracts.parse import parse
from contracts.plugin import RepositoryInfo
from tests.support.deployments import LOCAL, Store, managed_entry, plugin_row, remote_entry
from tests.support.servers import wait_until
from worker.domain.managed import managed_plugin
from worker.domain.policy import Policy
from worker.domain.repositories import Repositories
from worker.process.periodic import Periodic
from worker.repositories.managed.check import read_folder
from worker.repositories.managed.folder import FolderWatch
from worker.store.indexes import ensure_indexes
from worker.store.managed import Loaded, ManagedPlugin, ManagedPlugins

JIRA = {"name": "JIRA", "service_type": "notification.Protocol", "image": "acme/jira"}
MANAGED_INFO = RepositoryInfo(repository_id="repo-one", name="One", repository_type="managed")
START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class World:
    """One deployment with two folders, and a clock."""

    def __init__(self, mongodb_url: str, base: Path) -> None:
        self.url = mongodb_url
        self.one, self.two = base / "one", base / "two"
        self.one.mkdir()
        self.two.mkdir()
        self.entries = [
            managed_entry("repo-one", str(self.one)),
            LOCAL,
            managed_entry("repo-two", str(self.two)),
        ]
        self.now = START
        self.store = Store(mongodb_url)
        self.plugins = self.store.database["plugins"]
        ensure_indexes(self.store.database)

    def watch(self, *entries: dict[str, Any], **options: Any) -> FolderWatch:
        self.store.repositories = Repositories.of(entries or self.entries)
        policy = Policy(
            self.store.repositories.local.info, registry=lambda kind, url: "registry.hub.docker.com"
        )
        store = ManagedPlugins(self.store.database)
        return FolderWatch(store, self.store.repositories, policy, clock=lambda: self.now, **options)

    def answer(self, command: Any, **arguments: Any) -> dict[str, Any]:
        given = parse(command, {"domain_id": "d-1"} | arguments)
        return self.store.reader().answer(given)

    def names(self, **arguments: Any) -> list[str]:
        return [row["name"] for row in self.answer(ListPlugins, **arguments)["results"]]


@pytest.fixture
def world(mongodb_url: str, tmp_path: Path) -> Iterator[World]:
    made = World(mongodb_url, tmp_path)
    yield made
    made.store.close()


def put(folder: Path, name: str, /, **fields: Any) -> None:
    # A file of another size or inode is a change, however soon it comes after the one before.
    file = folder / f"{name}.json"
    file.unlink(missing_ok=True)
    file.write_text(json.dumps(JIRA | {"image": f"acme/{name}", "name": name} | fields))


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

    def read_or_fail(path: Path, *rest: Any) -> Any:
        if path == world.one:
            raise LookupError("a bug")
        return read_folder(path, *rest)

    monkeypatch.setattr("worker.repositories.managed.folder.read_folder", read_or_fail)
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
    return [ManagedPlugin(plugin, f"{plugin.plugin_id}.json", times) for plugin, times in made]


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
        wait_until(lambda: world.names() == ["jira"], 10)
        put(world.one, "slack")
        wait_until(lambda: world.names() == ["jira", "slack"], 10)
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
    assert store.rename_local(RepositoryInfo(**renamed)) == 0, "what is right is not written again"


def test_plugins_of_a_worker_that_is_being_replaced_are_renamed_too(world: World) -> None:
    def stale() -> int:
        return world.plugins.count_documents({"plugin.repository_info.name": "Local"})

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


# --- reading ------------------------------------------------------------------------------------------------


@pytest.fixture
def both(world: World) -> World:
    """``jira`` in all three repositories, ``slack`` and ``teams`` in one managed one each."""
    put(world.one, "jira", name="one jira")
    put(world.one, "slack")
    put(world.two, "jira", name="two jira")
    put(world.two, "teams")
    world.watch().run()
    world.store.insert(plugin_row("jira", name="local jira"))
    return world


def test_get_looks_into_the_local_repository_first(both: World) -> None:
    assert both.answer(GetPlugin, plugin_id="jira")["name"] == "local jira"
    assert both.answer(GetPlugin, domain_id="d-2", plugin_id="jira")["name"] == "one jira"
    assert both.answer(GetPlugin, plugin_id="jira", repository_id="repo-two")["name"] == "two jira"
    with pytest.raises(PluginNotFound):
        both.answer(GetPlugin, plugin_id="slack", repository_id="repo-local")
    with pytest.raises(RepositoryNotFound):
        both.answer(GetPlugin, plugin_id="jira", repository_id="repo-none")


@pytest.mark.parametrize(
    ("repository_id", "names"),
    [
        (None, ["local jira", "one jira", "slack", "teams", "two jira"]),
        ("repo-local", ["local jira"]),
        ("repo-two", ["teams", "two jira"]),
        (["repo-one", "repo-two"], ["one jira", "slack", "teams", "two jira"]),
        (["repo-local", "repo-two"], ["local jira", "teams", "two jira"]),
    ],
)
def test_the_repositories_of_a_list(both: World, repository_id: Any, names: list[str]) -> None:
    assert both.names(repository_id=repository_id) == names


def test_local_plugins_are_found_whatever_they_say_of_their_repository(both: World) -> None:
    """As a worker with the configuration of before stores them while it is being replaced."""
    both.plugins.update_many(
        {"rank": 0}, {"$set": {"plugin.repository_info": {**LOCAL, "repository_id": "repo-one"}}}
    )
    assert both.names(repository_id=["repo-local", "repo-two"]) == ["local jira", "teams", "two jira"]
    assert both.names(repository_id="repo-local") == ["local jira"]


def test_ties_are_in_the_order_of_the_repositories(both: World) -> None:
    rows = both.answer(ListPlugins, query={"sort": {"key": "plugin_id"}, "page": {"limit": 3}})["results"]
    assert [row["name"] for row in rows] == ["one jira", "local jira", "two jira"]


def test_unknown_repositories_are_told(both: World) -> None:
    for command in (ListPlugins, StatPlugins):
        with pytest.raises(RepositoryNotFound) as told:
            both.answer(command, query=_query(command), repository_id="repo-none")
        assert told.value.details["repository_id"] == "repo-none"


def _query(command: Any) -> dict[str, Any]:
    return {"distinct": "name"} if command is StatPlugins else {}


@pytest.mark.parametrize(
    ("repository_id", "names"),
    [
        (None, ["local jira", "one jira", "slack", "teams", "two jira"]),
        ("repo-local", ["local jira"]),
        ("repo-two", ["teams", "two jira"]),
    ],
)
def test_the_repositories_of_a_stat(both: World, repository_id: str | None, names: list[str]) -> None:
    answer = both.answer(StatPlugins, query={"distinct": "name"}, repository_id=repository_id)
    assert answer == {"results": names}


def test_a_remote_is_not_asked_for_statistics(both: World) -> None:
    both.store.repositories = Repositories.of([*both.entries, remote_entry("market")])
    assert len(both.answer(StatPlugins, query={"distinct": "name"})["results"]) == 5
    with pytest.raises(InvalidParameter) as told:
        both.answer(StatPlugins, query={"distinct": "name"}, repository_id="market")
    assert told.value.details["path"] == "repository_id"


class Commands(monitoring.CommandListener):
    """The names of the commands that MongoDB was sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


@pytest.fixture
def counted(both: World) -> Iterator[Callable[..., list[str]]]:
    from pymongo import MongoClient

    listener = Commands()
    name = both.store.database.name
    both.store.close()
    client: Any = MongoClient(both.url, tz_aware=True, event_listeners=[listener])
    both.store.database = client.get_database(name)

    def commands_of(command: Any, **arguments: Any) -> list[str]:
        both.answer(command, **arguments)
        listener.names.clear()
        both.answer(command, **arguments)
        return list(listener.names)

    yield commands_of


def test_a_get_is_one_command(counted: Callable[..., list[str]]) -> None:
    assert counted(GetPlugin, plugin_id="jira") == ["find"]
    assert counted(GetPlugin, plugin_id="teams", only=["name"]) == ["find"]
    assert counted(GetPlugin, plugin_id="jira", repository_id="repo-two") == ["find"]


def test_a_list_is_at_most_two_commands(counted: Callable[..., list[str]]) -> None:
    assert counted(ListPlugins) == ["find"]
    assert counted(ListPlugins, query={"page": {"limit": 2}}) == ["find", "aggregate"]
    assert counted(ListPlugins, query={"page": {"limit": 2}, "no_count": True}) == ["find"]
    assert (
        len(counted(ListPlugins, repository_id=["repo-local", "repo-two"], query={"page": {"limit": 1}})) <= 2
    )
