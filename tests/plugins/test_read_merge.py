"""A list over several repositories is the list of one store that holds everything."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.commands import ListPlugins
from contracts.parse import parse
from tests.support.deployments import (
    Store,
    dated,
    desk_of,
    managed_entry,
    open_remote,
    plugin_row,
    remote_entry,
)
from tests.support.servers import MongoReplicaSet
from worker.plugins.terms import Terms

MANAGED = managed_entry("managed")
MARKET, PARTNER = remote_entry("market"), remote_entry("partner", domain_id="partners")
ENTRIES = (MANAGED, MARKET, PARTNER)
NAMES = ["a", "b", "B", "é", "Z", "zz", "10", "9"]


def random_row(rng: random.Random, number: int, repository: dict[str, Any]) -> dict[str, Any]:
    row = plugin_row(
        f"p{number}",
        repository,
        name=rng.choice(NAMES),
        state=rng.choice(["ENABLED", "DISABLED"]),
        labels=rng.sample(["x", "y", "z"], rng.randint(0, 2)),
        created_at=f"2026-01-0{rng.randint(1, 5)}T00:00:00.000Z",
        tags=rng.choice([{}, {"n": 1}, {"n": 2.5}, {"n": "1"}, {"n": None}, {"n": True}, {"n": {"m": 3}}]),
    )
    if rng.random() < 0.5:
        row["provider"] = rng.choice(["aws", "gcp"])
    if rng.random() < 0.5:
        row["template"] = {"o": [{"k": 1, "l": 2}, {"k": 3}, 4]}
    return row


def random_query(rng: random.Random) -> dict[str, Any]:
    keys = ["name", "provider", "tags.n", "created_at", "state", "repository_info.name", "plugin_id"]
    sort = [{"key": rng.choice(keys), "desc": rng.random() < 0.5} for _ in range(rng.randint(0, 3))]
    query: dict[str, Any] = {"sort": sort}
    if rng.random() < 0.7:
        query["page"] = {"start": rng.choice([1, 2, 5, 11, 30, 70]), "limit": rng.choice([0, 1, 3, 10, 100])}
    if rng.random() < 0.4:
        query["filter"] = [rng.choice(CONDITIONS)]
    if rng.random() < 0.3:
        query["filter_or"] = rng.sample(CONDITIONS, 2)
    if rng.random() < 0.2:
        query["keyword"] = rng.choice(["aws x", "b", "p1"])
    if rng.random() < 0.4:
        query["only"] = rng.sample(["name", "tags.n", "template.o.k", "repository_info.name", "labels"], 2)
    query["minimal"] = rng.random() < 0.1
    query["no_count"] = rng.random() < 0.2
    query["count_only"] = rng.random() < 0.1
    return query


CONDITIONS = [
    {"k": "name", "v": "b", "o": "eq"},
    {"k": "name", "v": "b", "o": "contain"},
    {"k": "tags.n", "v": 1, "o": "gte"},
    {"k": "provider", "v": None, "o": "eq"},
    {"k": "labels", "v": ["x", "z"], "o": "in"},
    {"k": "repository_info.repository_type", "v": "remote", "o": "eq"},
    {"k": "repository_info.repository_id", "v": ["market", "managed"], "o": "not_in"},
    {"k": "repository_info.name", "v": "^(M|L)", "o": "regex"},
    {"k": "repository_info", "v": True, "o": "exists"},
]


@pytest.fixture
def stores(mongodb_server: MongoReplicaSet) -> Iterator[dict[str, Store]]:
    """Ours, those of two remotes, and one that holds the plugins of all of them as its own."""
    own_managed = managed_entry("their-managed")
    made = {
        "ours": Store(mongodb_server.url("merge_ours"), *ENTRIES),
        "market": Store(mongodb_server.url("merge_market"), own_managed),
        "partner": Store(mongodb_server.url("merge_partner"), own_managed),
        "all": Store(mongodb_server.url("merge_all"), *ENTRIES),
    }
    yield made
    for store in made.values():
        store.database.client.drop_database(store.database.name)
        store.close()


def without_domain(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | {"results": [{k: v for k, v in r.items() if k != "domain_id"} for r in answer["results"]]}


def fill(stores: dict[str, Store], rng: random.Random) -> None:
    for store in stores.values():
        store.database["plugins"].drop()
    everything: list[dict[str, Any]] = []
    for number in range(12):
        row = random_row(rng, number, stores["ours"].repositories.local.info.model_dump())
        stores["ours"].insert(row)
        everything.append(row)
    managed = [random_row(rng, number, MANAGED) for number in range(8, 16)]
    stores["ours"].insert(*managed)
    everything += managed
    for name, entry in (("market", MARKET), ("partner", PARTNER)):
        store = stores[name]
        rows = [random_row(rng, number, entry) for number in range(4, 24)]
        info = [e.info.model_dump() for e in store.repositories.all]
        for index, row in enumerate(rows):
            store.insert(row | {"repository_info": info[index % 2]}, domain=entry["domain_id"])
        everything += rows
    for number, row in enumerate(everything):
        place = stores["all"].repositories.select(row["repository_info"]["repository_id"])
        (repository,) = [*place.managed, *place.remote] or [stores["all"].repositories.local]
        document = {"_id": f"{number}", "scope": "d-1", "rank": repository.rank, "plugin": dated(row)}
        stores["all"].database["plugins"].insert_one(document)


@pytest.mark.parametrize("seed", range(4))
def test_a_merged_list_is_that_of_one_store(stores: dict[str, Store], seed: int) -> None:
    rng = random.Random(seed)
    fill(stores, rng)
    remotes = {
        name: open_remote(desk_of(stores[name].reader()), name, domain_id=entry["domain_id"])
        for name, entry in (("market", MARKET), ("partner", PARTNER))
    }
    merged, whole = stores["ours"].reader(remotes), stores["all"].reader({})
    ids = [None, ["repo-local", "market"], ["managed", "partner"], "market", ["market", "partner"]]
    telling = 0
    for _ in range(40):
        data = random_query(rng)
        named = rng.choice(ids)
        command = parse(ListPlugins, {"domain_id": "d-1", "query": data, "repository_id": named})
        data_of_all = dict(data)
        if named:
            chosen = {
                "k": "repository_info.repository_id",
                "v": [named] if isinstance(named, str) else named,
                "o": "in",
            }
            data_of_all["filter"] = [*data.get("filter", []), chosen]
        asked_of_all = parse(ListPlugins, {"domain_id": "d-1", "query": data_of_all})
        # The store that holds everything has no remotes: it is asked for its own only.
        expected = without_domain(whole.answer(asked_of_all, Terms(own_only=True)))
        got = without_domain(merged.answer(command))
        for row in [*got["results"], *expected["results"]]:
            row.pop("revision", None)
        assert got == expected, (data, named)
        telling += bool(expected["results"])
    for remote in remotes.values():
        remote.close()
    assert telling > 15
