"""Writes to plugins of managed repositories: refused by their own code, at no cost where there are none."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pymongo import MongoClient

from contracts.commands import BatchItem, DisablePlugin, GetPlugin
from contracts.errors import ContractError, PluginNotFound, RepositoryNotLocal
from contracts.plugin import PluginInfo, RepositoryInfo
from tests.support.commands import apply, apply_items, by
from tests.support.deployments import LOCAL, Store, managed_entry, plugin_row
from tests.support.mongo_commands import MongoCommands
from worker.services import Services
from worker.settings import Settings

MANAGED = managed_entry("folder")


@pytest.fixture
def commands() -> MongoCommands:
    return MongoCommands()


@pytest.fixture
def services_of(
    redis_url: str, mongodb_url: str, commands: MongoCommands
) -> Iterator[Callable[..., Services]]:
    """Services over given repositories, whose commands to MongoDB are counted."""
    closing = ExitStack()

    def make(*entries: dict[str, Any]) -> Services:
        services = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url, repositories=entries))
        client: Any = MongoClient(mongodb_url, tz_aware=True, event_listeners=[commands])
        services.database = client.get_default_database()
        closing.callback(services.close)
        closing.callback(client.close)
        return services

    store = Store(mongodb_url, MANAGED)
    store.insert(plugin_row("jira", MANAGED), plugin_row("slack", MANAGED))
    store.close()
    with closing:
        yield make


def disable(plugin_id: str) -> BatchItem:
    params = {"domain_id": "d-1", "plugin_id": plugin_id}
    return BatchItem(id=f"c-{plugin_id}", operation="plugin.disable", params=params)


def disable_all(services: Services, *plugin_ids: str) -> list[Any]:
    return list(apply_items(services, [disable(name) for name in plugin_ids], by("b-1")))


def one(services: Services, plugin_id: str) -> Any:
    return apply(services, DisablePlugin(domain_id="d-1", plugin_id=plugin_id), by("c-1"))


def test_a_managed_plugin_was_found_but_is_not_ours(
    services_of: Callable[..., Services], commands: MongoCommands
) -> None:
    services = services_of(LOCAL, MANAGED)
    with pytest.raises(RepositoryNotLocal):
        one(services, "jira")
    assert commands.names == ["find", "find"]
    with pytest.raises(PluginNotFound):
        one(services, "nowhere")


def test_without_managed_repositories_nothing_is_asked(
    services_of: Callable[..., Services], commands: MongoCommands
) -> None:
    services = services_of(LOCAL)
    with pytest.raises(PluginNotFound):
        one(services, "jira")
    assert commands.names == ["find"]


def codes(outcomes: list[Any]) -> list[str]:
    return [o.code if isinstance(o, ContractError) else o.state for o in outcomes]


def test_a_batch_asks_once(services_of: Callable[..., Services], commands: MongoCommands) -> None:
    services = services_of(LOCAL, MANAGED)
    names = ["jira", *(f"nowhere-{n}" for n in range(40)), "slack"]

    outcomes = disable_all(services, *names)

    assert codes(outcomes) == ["REPOSITORY_NOT_LOCAL", *["NOT_FOUND"] * 40, "REPOSITORY_NOT_LOCAL"]
    assert commands.names == ["find", "find"]


def test_a_batch_without_misses_asks_nothing_more(
    services_of: Callable[..., Services], commands: MongoCommands
) -> None:
    services = services_of(LOCAL, MANAGED)
    register = {"domain_id": "d-1", "name": "x", "service_type": "x.Y", "image": "acme/teams"}
    item = BatchItem(id="c-1", operation="plugin.register", params=register)

    (plugin,) = apply_items(services, [item], by("b-1"))

    assert isinstance(plugin, PluginInfo)
    assert plugin.plugin_id == "teams"
    assert commands.names == ["find", "update"]


def test_what_is_written_says_what_the_repository_is_called_now(services_of: Callable[..., Services]) -> None:
    first = services_of(LOCAL)
    register = {"domain_id": "d-1", "name": "x", "service_type": "x.Y", "image": "acme/teams"}
    apply_one = [BatchItem(id="r-1", operation="plugin.register", params=register)]
    list(apply_items(first, apply_one, by("b-1")))

    renamed = services_of(LOCAL | {"name": "Ours"})
    after = one(renamed, "teams")

    info = RepositoryInfo(repository_id="repo-local", name="Ours", repository_type="local")
    assert after.repository_info == info
    stored = renamed.database["plugins"].find_one({"_id": "d-1/teams"})
    assert stored["plugin"]["repository_info"] == dict(info)


@pytest.mark.parametrize("operation", ["update", "disable", "deregister"])
def test_a_key_is_of_one_plugin_only(services_of: Callable[..., Services], operation: str) -> None:
    """``a`` and ``b/teams``, put together, read as ``a/b`` and ``teams``: another domain's plugin."""
    services = services_of(LOCAL, MANAGED)
    register = {"domain_id": "a/b", "name": "x", "service_type": "x.Y", "image": "acme/teams"}
    writes = [
        ("register", register, "ENABLED"),
        (operation, {"domain_id": "a", "plugin_id": "b/teams"}, "NOT_FOUND"),
        ("register", register | {"domain_id": "//folder", "image": "acme/jira"}, "INVALID_PARAMETER"),
        (operation, {"domain_id": "//folder", "plugin_id": "jira"}, "INVALID_PARAMETER"),
    ]
    items = [
        BatchItem(id=f"c-{n}", operation=f"plugin.{verb}", params=params)
        for n, (verb, params, _) in enumerate(writes)
    ]

    assert codes(list(apply_items(services, items, by("b-1")))) == [code for _, _, code in writes]
    with pytest.raises(PluginNotFound):
        apply(services, DisablePlugin(domain_id="a", plugin_id="b/teams"), by("c-9"))
    with pytest.raises(PluginNotFound):
        services.reader.answer(GetPlugin(domain_id="a", plugin_id="b/teams"))
    assert services.database["plugins"].count_documents({"scope": ""}) == 2
