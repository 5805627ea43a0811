"""Any number of writes as batches that fit the limits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts._client.command import read_items
from contracts._client.frames import MAX_FRAME_BYTES, frames_of
from contracts.partition import address, queue_of


def enable(plugin_id: str, **other: Any) -> dict[str, Any]:
    return {"operation": "enable", "params": {"domain_id": "d", "plugin_id": plugin_id, **other}}


@given(
    st.lists(st.sampled_from([f"p{n}" for n in range(12)]), max_size=800),
    st.sampled_from([1, 2, 5]),
    st.integers(0, 20_000),
)
def test_every_frame_fits_and_each_plugin_keeps_its_order(
    plugins: list[str], partitions: int, padding: int
) -> None:
    items = list(read_items(enable(plugin, name="x" * padding) for plugin in plugins))

    frames = frames_of(items, partitions)

    placed = [item for frame in frames for item in frame.items]
    assert sorted(item["id"] for item in placed) == sorted(item["id"] for item in items)
    for frame in frames:
        plugins_here = [address(i["operation"], i["params"]) for i in frame.items]
        assert 1 <= len(frame.items) <= 500
        assert max(plugins_here.count(where) for where in set(plugins_here)) <= 50
        assert {queue_of(i["operation"], i["params"], partitions) for i in frame.items} == {frame.queue}
        assert len(json.dumps({"commands": frame.items})) <= MAX_FRAME_BYTES + 1_000
    for plugin in set(plugins):
        sent = [i["id"] for i in items if i["params"]["plugin_id"] == plugin]
        assert [i["id"] for i in placed if i["params"]["plugin_id"] == plugin] == sent


def test_one_item_that_is_too_large_travels_alone() -> None:
    items = read_items([enable("a"), enable("b", name="x" * (MAX_FRAME_BYTES + 1)), enable("c")])
    assert [len(frame.items) for frame in frames_of(items, 1)] == [1, 1, 1]


def test_ids_are_kept_or_made() -> None:
    items = list(read_items([enable("a") | {"id": "mine"}, enable("a"), enable("a")]))
    assert items[0]["id"] == "mine"
    assert len({item["id"] for item in items}) == 3
    assert {item["operation"] for item in items} == {"plugin.enable"}


def test_what_cannot_be_sent_is_an_error_before_anything_is() -> None:
    with pytest.raises(ValueError, match="two commands have the id x"):
        list(read_items([enable("a") | {"id": "x"}, enable("b") | {"id": "x"}]))
    with pytest.raises(ValueError, match=r"plugin.get is not a write"):
        list(read_items([{"operation": "get", "params": {}}]))
    with pytest.raises(ValueError, match="unknown operation explode"):
        list(read_items([{"operation": "explode", "params": {}}]))
