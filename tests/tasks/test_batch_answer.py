"""The answer to a batch has a bound, whatever its items hold."""

import json
from datetime import UTC, datetime
from typing import Any

from contracts.commands import BatchItem
from contracts.plugin import PluginInfo, RepositoryInfo
from contracts.values import MAX_ANSWER_BYTES
from worker.domain.plugin import plugin_text
from worker.plugins.plan import Done, Outcome
from worker.tasks.rows import rows_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plugin(revision: int, size: int, character: str = "x") -> PluginInfo:
    return PluginInfo(
        plugin_id="jira",
        name="JIRA",
        image="acme/jira",
        registry_type="DOCKER_HUB",
        registry_url="registry.hub.docker.com",
        state="ENABLED",
        service_type="s",
        tags={"t": character * size},
        repository_info=RepositoryInfo(repository_id="r", name="R", repository_type="local"),
        domain_id="d-1",
        revision=revision,
        created_at=NOW,
        updated_at=NOW,
    )


def answer(count: int, size: int, character: str = "x") -> list[dict[str, Any]]:
    items = [BatchItem(id=f"c-{n}", operation="plugin.update", params={}) for n in range(count)]
    plugins = [plugin(n, size, character) for n in range(count)]
    outcomes: list[Outcome | None] = [Done(each, plugin_text(each)) for each in plugins]
    text = rows_of(items, outcomes)
    assert len(text.encode()) < MAX_ANSWER_BYTES + 50_000
    rows: list[dict[str, Any]] = json.loads(text)
    assert [row["id"] for row in rows] == [f"c-{n}" for n in range(count)]
    return rows


def test_what_has_no_room_in_the_answer_is_said_to_have_been_applied() -> None:
    rows = answer(50, 1_000_000)
    whole = [row for row in rows if "result" in row]
    assert len(whole) == 16
    assert [row["result"]["revision"] for row in whole] == list(range(16))
    for number, row in enumerate(rows[16:], start=16):
        assert row["error"]["code"] == "RESULT_TOO_LARGE"
        assert row["error"]["details"]["revision"] == number


def test_the_room_is_counted_in_what_is_sent() -> None:
    """A Korean character is 3 bytes of UTF-8."""
    whole = [row["id"] for row in answer(20, 340_000, "\uac00") if "result" in row]
    assert whole == [f"c-{n}" for n in range(16)]
