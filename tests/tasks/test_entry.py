"""Messages of a group, decoded and cut into parts."""

from collections import Counter
from typing import Any, cast

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st

from contracts.commands import MAX_BATCH_PER_PLUGIN
from contracts.errors import ContractError, InvalidParameter
from contracts.plugin import PluginInfo
from tests.support.tasks import delivery_of
from worker.domain.record import MAX_APPLIED
from worker.plugins.plan import Done
from worker.tasks.commands import register_commands
from worker.tasks.entry import MOST_COMMANDS, MOST_EFFECTS, Entry, decode, parts_of
from worker.transport.request import Request

JIRA = {"domain_id": "d-1", "plugin_id": "jira"}
APP = Celery("test", set_as_current=False)
register_commands(APP)


def entry(task: str, kwargs: dict[str, Any], command_id: str = "c-1", **headers: Any) -> Entry:
    delivery = delivery_of(task, kwargs, command_id, "plugin.commands", **headers)
    request = Request(delivery, delivery.envelope, app=APP, hostname="test", task=APP.tasks[task])
    return decode(request, 1)


def update(plugin_id: str, command_id: str) -> Entry:
    return entry("plugin.update", {"domain_id": "d", "plugin_id": plugin_id, "name": "N"}, command_id)


def batch(*plugin_ids: str) -> Entry:
    items = [
        {
            "id": f"i-{n}",
            "operation": "plugin.update",
            "params": {"domain_id": "d", "plugin_id": name, "name": "N"},
        }
        for n, name in enumerate(plugin_ids)
    ]
    return entry("plugin.batch", {"commands": items})


def test_a_command_knows_its_message() -> None:
    decoded = entry("plugin.disable", JIRA, expires="2030-01-01T00:00:00+00:00")
    ((place, command),) = decoded.commands
    assert (place, command.id, command.key, command.is_item) == (0, "c-1", "d-1/jira", False)
    assert command.origin.queue == "plugin.commands"
    assert command.origin.raw == decoded.request.delivery.raw
    assert command.origin.expires is not None


def test_a_wrong_item_of_a_batch_is_refused_alone_and_in_its_place() -> None:
    items = [
        {"id": "a", "operation": "plugin.disable", "params": JIRA},
        {"id": "b", "operation": "plugin.disable", "params": JIRA | {"plugin": "x"}},
        {"id": "c", "operation": "plugin.enable", "params": JIRA},
    ]
    decoded = entry("plugin.batch", {"commands": items})
    assert [(place, command.id) for place, command in decoded.commands] == [(0, "a"), (2, "c")]
    assert [isinstance(outcome, ContractError) for outcome in decoded.outcomes] == [False, True, False]
    assert [refusal[0] for refusal in decoded.refusals] == ["b"]


@pytest.mark.parametrize(
    ("task", "kwargs", "path"),
    [
        ("plugin.disable", JIRA | {"plugin": "x"}, "plugin"),
        ("plugin.batch", {}, "commands"),
        ("plugin.batch", {"commands": []}, "commands"),
    ],
)
def test_a_wrong_message_is_refused_whole(task: str, kwargs: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        entry(task, kwargs)
    assert refusal.value.details["path"] == path


def test_the_log_says_what_became_of_a_message_in_one_line() -> None:
    decoded = entry("plugin.disable", JIRA | {"domain_id": "d\n1"})
    refused = InvalidParameter("no", details={"path": "a\nb"})
    decoded.outcomes = [refused]
    assert decoded.summary == r"refused: INVALID_PARAMETER at 'a\nb'"
    decoded.outcomes = [Done(cast(Any, PluginInfo).model_construct(revision=3), "{}")]
    assert decoded.summary == r"applied: 'd\n1/jira' is at revision 3"
    several = batch("jira", "slack")
    several.outcomes = [decoded.outcomes[0], refused]
    assert several.summary == "applied 1 of 2, 1 INVALID_PARAMETER"


def cut(entries: list[Entry]) -> list[tuple[int, bool]]:
    """How many messages each part has, and whether those before it must be settled first."""
    return [(len(part.entries), part.after_settlement) for part in parts_of(entries)]


def test_a_group_is_cut_before_a_plugin_gets_more_effects_than_it_remembers_twice() -> None:
    assert cut([update("jira", f"c-{n}") for n in range(120)]) == [(50, False), (50, True), (20, True)]
    mixed = [update("jira", "c-1"), batch(*["jira"] * 50), update("slack", "c-2")]
    assert cut(mixed) == [(1, False), (2, True)]


def test_a_batch_fits_a_part_and_what_may_come_again_is_remembered() -> None:
    assert MAX_BATCH_PER_PLUGIN <= MOST_EFFECTS < MAX_APPLIED


def test_a_group_of_many_commands_is_cut_and_need_not_be_settled_in_between() -> None:
    entries = [batch(*(f"p{n}-{i}" for i in range(200))) for n in range(5)]
    assert cut(entries) == [(2, False), (2, False), (1, False)]


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=50), max_size=30))
def test_parts_keep_the_order_and_the_bounds(messages: list[list[int]]) -> None:
    entries = [batch(*map(str, numbers)) for numbers in messages]
    parts = list(parts_of(entries))
    assert [one for part in parts for one in part.entries] == entries
    effects: Counter[str] = Counter()
    for part in parts:
        if part.after_settlement:
            effects.clear()
        effects.update(command.key for command in part.commands)
        assert not effects or max(effects.values()) <= MOST_EFFECTS
        assert len(part.commands) <= MOST_COMMANDS
