"""The answer to a batch has a bound, whatever its items hold."""

import json
from datetime import UTC, datetime

from contracts.commands import BatchItem
from contracts.plugin import PluginInfo, RepositoryInfo
from contracts.values import MAX_ANSWER_BYTES
from worker.tasks.commands import rows_of

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


def test_what_has_no_room_in_the_answer_is_said_to_have_been_applied() -> None:
    outcomes = [
        (BatchItem(id=f"c-{n}", operation="plugin.update", params={}), plugin(n, 1_000_000))
        for n in range(50)
    ]
    rows = rows_of(outcomes)
    assert [row["id"] for row in rows] == [f"c-{n}" for n in range(50)]
    assert len(json.dumps(rows)) < MAX_ANSWER_BYTES + 50_000
    whole = [row for row in rows if "result" in row]
    assert len(whole) == 16
    assert [row["result"]["revision"] for row in whole] == list(range(16))
    for number, row in enumerate(rows[16:], start=16):
        assert row["error"]["code"] == "RESULT_TOO_LARGE"
        assert row["error"]["details"]["revision"] == number


def test_the_room_is_counted_in_what_is_sent() -> None:
    """A Korean character is 3 bytes of UTF-8, and 6 of the JSON that is sent."""
    outcomes = [
        (BatchItem(id=f"c-{n}", operation="plugin.update", params={}), plugin(n, 340_000, "\uac00"))
        for n in range(10)
    ]
    rows = rows_of(outcomes)
    assert [row["id"] for row in rows if "result" in row] == [f"c-{n}" for n in range(8)]
    assert len(json.dumps(rows)) < MAX_ANSWER_BYTES
