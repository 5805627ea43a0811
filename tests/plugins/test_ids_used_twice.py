"""A command id that is used with other arguments: the first command that has an effect has it, no other one."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts.commands import UpdatePlugin, Write
from contracts.errors import DecidedBefore
from contracts.parse import parse
from tests.plugins.test_groups import applied, group, state
from tests.plugins.writes import DEREGISTER, DISABLE, ENABLE, register, update
from tests.support.commands import OwnLease, by, command_of
from tests.support.stream import Stream
from worker.domain.command import Command, Origin
from worker.domain.record import DIGEST_SIZE, MAX_APPLIED, Record, entry_of
from worker.services import Services

KEY = "d-1/jira"


def named(write: Write, command_id: str = "x", redelivered: bool = False, is_item: bool = False) -> Command:
    return command_of(write, by(command_id, redelivered=redelivered), is_item=is_item)


@pytest.fixture
def jira(services: Services) -> Services:
    applied(services, group(register()))
    return services


@pytest.mark.parametrize("is_item", [False, True])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("redelivered", [False, True])
def test_another_command_under_an_id_is_decided_before(
    jira: Services, stream: Stream, is_item: bool, together: bool, redelivered: bool
) -> None:
    commands = [named(DISABLE, is_item=is_item), named(DEREGISTER, redelivered=redelivered, is_item=is_item)]
    outcomes = (
        applied(jira, commands)
        if together
        else [outcome for command in commands for outcome in applied(jira, [command])]
    )
    assert outcomes == [2, "DECIDED_BEFORE"]
    assert stream.changes() == [(1, "registered"), (2, "disabled")]


def test_it_holds_ahead_over_what_is_about_to_be_written(jira: Services) -> None:
    first, second = [named(DISABLE)], [named(DEREGISTER), named(ENABLE, "y")]
    ready = jira.writer.prepare(first, 1)
    ahead = jira.writer.prepare(second, 1)
    jira.writer.carry_out(ready, OwnLease(1))
    (told, _) = jira.writer.carry_out(ahead, OwnLease(1)).outcomes
    assert isinstance(told, DecidedBefore)
    assert state(jira) == "ENABLED"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (update(name="A"), update(name="B")),
        (update(name="A"), update(name="A", expected_revision=2)),
        (update(tags={"a": {"b": 1}}), update(tags={"a": {"b": 2}})),
        (update(tags={"a": 1}), update(tags={"a": True})),
        (update(labels=["a", "b"]), update(labels=["b", "a"])),
        (DISABLE, ENABLE),
    ],
)
def test_any_argument_makes_another_command(jira: Services, first: Write, second: Write) -> None:
    assert applied(jira, [named(first)]) == [2]
    assert applied(jira, [named(second)]) == ["DECIDED_BEFORE"]


def test_the_order_of_fields_what_is_null_and_the_message_around_it_make_none(jira: Services) -> None:
    params: dict[str, Any] = {
        "domain_id": "d-1",
        "plugin_id": "jira",
        "tags": {"a": {"x": 1, "y": [{"m": 1, "n": "ä"}]}, "b": 2},
    }
    other: dict[str, Any] = {
        "provider": None,
        "tags": {"b": 2, "a": {"y": [{"n": "ä", "m": 1}], "x": 1}},
        "name": "",
        "plugin_id": "jira",
        "domain_id": "d-1",
    }
    write = UpdatePlugin

    def command(given: dict[str, Any], origin: Origin, is_item: bool) -> Command:
        return Command("x", parse(write, given), KEY, "plugin.update", given, origin, is_item)

    assert applied(jira, [command(params, Origin(), False)]) == [2]
    assert applied(jira, [command(other, Origin(redelivered=True, traceparent="t"), True)]) == [2]


def test_an_id_that_had_no_effect_is_free(jira: Services) -> None:
    """A stranger's command that is refused must not hide mine."""
    assert applied(jira, [named(update(name="A", expected_revision=9)), named(DISABLE)]) == [
        "REVISION_CONFLICT",
        2,
    ]


def test_what_had_no_effect_is_remembered_by_its_arguments_too(
    jira: Services, another: Callable[[], Services]
) -> None:
    """Both commands have one id, and come again after a crash: each has the outcome that it had."""
    story: list[Write] = [update(name="A", expected_revision=9), DISABLE, ENABLE]
    names = ["x", "x", "y"]
    commands = [named(write, name) for write, name in zip(story, names, strict=True)]
    assert applied(jira, commands) == ["REVISION_CONFLICT", 2, 3]
    again = [named(write, name, redelivered=True) for write, name in zip(story, names, strict=True)]
    after = another()
    assert [applied(after, [command], epoch=2)[0] for command in again] == ["DECIDED_BEFORE", 3, 3]
    assert state(after) == "ENABLED"


def test_a_refusal_that_is_stored_under_my_id_is_not_taken_for_mine(
    jira: Services, another: Callable[[], Services]
) -> None:
    """Mine was never decided: the crash came before its turn."""
    applied(jira, [named(update(name="A", expected_revision=9)), named(DISABLE, "y")])
    assert applied(another(), [named(ENABLE, redelivered=True)], epoch=2) == [3]


def test_what_an_older_worker_stored_matches_any_command(
    jira: Services, another: Callable[[], Services]
) -> None:
    applied(jira, [named(update(name="A", expected_revision=9), "n"), named(DISABLE)])
    change = {
        "$unset": {"applied_digests": ""},
        "$set": {"no_effect": [{"id": "n", "code": "REVISION_CONFLICT"}]},
    }
    jira.database["plugins"].update_one({"_id": KEY}, change)
    after = another()
    assert applied(after, [named(DEREGISTER)], epoch=2) == [2]
    assert applied(after, [named(DEREGISTER, "n", redelivered=True)], epoch=2) == ["DECIDED_BEFORE"]
    # And what comes then is remembered, beside what is not known.
    assert applied(after, [named(ENABLE, "e")], epoch=2) == [3]
    assert applied(after, [named(DISABLE, "e")], epoch=2) == ["DECIDED_BEFORE"]


def test_an_older_worker_reads_what_is_stored_now(jira: Services) -> None:
    """It knows the ids, and of the commands without effect their id and code."""
    applied(jira, [named(update(name="A", expected_revision=9), "n"), named(DISABLE)])
    stored = jira.database["plugins"].find_one({"_id": KEY})
    assert stored is not None
    assert stored["applied"] == ["c-0", "x"]
    assert [(entry["id"], entry["code"]) for entry in stored["no_effect"]] == [("n", "REVISION_CONFLICT")]
    assert len(stored["applied_digests"]) == 2 * DIGEST_SIZE


def test_as_many_digests_as_ids_are_kept(jira: Services, another: Callable[[], Services]) -> None:
    for start in range(0, MAX_APPLIED + 10, 37):
        applied(jira, [named(update(name=f"N{n}"), f"id {n}") for n in range(start, start + 37)])
    record = another().plugins.read(KEY)
    assert len(record.applied) == MAX_APPLIED
    assert len(record.digests) == MAX_APPLIED * DIGEST_SIZE
    assert all(record.applied_other(name, "0" * 16) for name in record.applied)


def test_each_command_of_an_id_that_had_an_effect_is_known() -> None:
    record = Record(KEY, digests=entry_of("x", "0" * 16) + entry_of("x", "1" * 16))
    assert not record.applied_other("x", "1" * 16)
    assert not record.applied_other("x", "0" * 16)
    assert record.applied_other("x", "2" * 16)
    assert not record.applied_other("y", "0" * 16)


def test_an_id_with_the_same_crc_32_is_another_id(jira: Services) -> None:
    """Both have 0x4ddb0c25, which is all that is kept of an id beside a digest."""
    applied(jira, [named(DISABLE, "plumless"), named(ENABLE, "buckeroo")])
    assert applied(jira, [named(ENABLE, "plumless")]) == ["DECIDED_BEFORE"]
    assert applied(jira, [named(DISABLE, "plumless"), named(ENABLE, "buckeroo")]) == [3, 3]


def test_without_the_digests_the_other_command_is_told_a_success(
    jira: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The protection taken out."""
    monkeypatch.setattr(Record, "applied_other", lambda *_: False)
    assert applied(jira, [named(DISABLE), named(DEREGISTER)]) == [2, 2]
