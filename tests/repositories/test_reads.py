"""Reads look into the local repository and into managed ones, in their order, with few commands."""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient

from contracts.commands import GetPlugin, ListPlugins, StatPlugins
from contracts.errors import InvalidParameter, PluginNotFound, RepositoryNotFound
from tests.repositories.world import World, put
from tests.support.deployments import LOCAL, plugin_row, remote_entry
from tests.support.mongo_commands import MongoCommands
from worker.domain.repositories import Repositories


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


@pytest.fixture
def counted(both: World) -> Callable[..., list[str]]:
    commands = MongoCommands()
    name = both.store.database.name
    both.store.close()
    client: Any = MongoClient(both.url, tz_aware=True, event_listeners=[commands])
    both.store.database = client.get_database(name)

    def commands_of(command: Any, **arguments: Any) -> list[str]:
        both.answer(command, **arguments)
        commands.clear()
        both.answer(command, **arguments)
        return commands.names

    return commands_of


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
