"""A batch: each item on its own, in order, once."""

from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient

from contracts import errors
from contracts.commands import BatchItem, PluginBatch
from contracts.plugin import PluginInfo
from tests.support.commands import LostLease, apply_items, by
from tests.support.mongo_commands import MongoCommands
from tests.support.stream import Stream
from worker.domain.command import Fenced
from worker.plugins.frame import check_frame
from worker.services import Services


def item(command_id: str, operation: str, **params: Any) -> BatchItem:
    given: dict[str, Any] = {"domain_id": "d-1"} | params
    if operation == "register":
        given |= {"name": "N", "service_type": "s"}
    return BatchItem(id=command_id, operation=f"plugin.{operation}", params=given)


def registers(count: int, prefix: str = "p") -> list[BatchItem]:
    return [item(f"r-{prefix}{n}", "register", image=f"acme/{prefix}{n}") for n in range(count)]


def shape(outcomes: list[Any]) -> list[Any]:
    return [o.revision if isinstance(o, PluginInfo) else o.code for o in outcomes]


def test_items_take_effect_in_order_and_a_bad_one_fails_alone(services: Services, stream: Stream) -> None:
    items = [
        *registers(2),
        item("u-1", "update", plugin_id="p0", name="A"),
        item("bad", "update", plugin_id="p0", nmae="A"),
        item("gone", "disable", plugin_id="px"),
        item("same", "enable", plugin_id="p0"),
        item("u-2", "disable", plugin_id="p0", expected_revision=2),
        item("u-3", "enable", plugin_id="p0", expected_revision=2),
    ]
    outcomes = apply_items(services, items, by("b-1"))
    assert shape(outcomes) == [1, 1, 2, "INVALID_PARAMETER", "NOT_FOUND", 2, 3, "REVISION_CONFLICT"]
    assert [change for _, change in stream.changes()].count("registered") == 2
    stream.assert_gapless()
    assert services.plugins.read("d-1/p0").applied == ("r-p0", "u-1", "u-2")


def test_a_batch_of_500_costs_few_commands(services: Services, mongodb_url: str, stream: Stream) -> None:
    counter = MongoCommands()
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True, event_listeners=[counter]) as client:
        services.database = client.get_default_database()
        apply_items(services, registers(500), by("b-1"))
    assert len(counter.names) <= 2 * 5
    assert len(stream.changes()) == 500


def test_50_writes_to_one_plugin_are_one_write(services: Services, stream: Stream) -> None:
    apply_items(services, registers(1), by("b-0"))
    items = [item(f"u-{n}", "update", plugin_id="p0", name=f"N{n}") for n in range(50)]
    assert shape(apply_items(services, items, by("b-1"))) == list(range(2, 52))
    stream.assert_gapless()
    assert len(services.plugins.read("d-1/p0").applied) == 51


def test_an_outbox_is_measured_in_the_bytes_of_its_document(services: Services, stream: Stream) -> None:
    plugin = item("r", "register", image="acme/p", tags={"t": "\U0001f600" * 255_000})
    items = [plugin, *(item(f"u-{n}", "update", plugin_id="p", name=f"N{n}") for n in range(40))]
    assert shape(apply_items(services, items, by("b-1"))) == list(range(1, 42))
    stream.assert_gapless()


def test_events_that_do_not_fit_the_outbox_go_out_in_between(
    services: Services, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.domain.record.MAX_PENDING_SIZE", 200_000)
    apply_items(services, registers(1), by("b-0"))
    items = [item(f"u-{n}", "update", plugin_id="p0", tags={"n": n, "x": "x" * 30_000}) for n in range(20)]
    assert shape(apply_items(services, items, by("b-1"))) == list(range(2, 22))
    stream.assert_gapless()


class TestRedelivered:
    """What an earlier attempt decided is not decided again."""

    def items(self) -> list[BatchItem]:
        return [
            *registers(1),
            item("same", "enable", plugin_id="p0"),
            item("u-1", "disable", plugin_id="p0"),
            item("conflict", "update", plugin_id="p0", name="X", expected_revision=9),
        ]

    def test_after_its_write(self, services: Services, stream: Stream) -> None:
        first = apply_items(services, self.items(), by("b-1", epoch=1))
        assert shape(first) == [1, 1, 2, "REVISION_CONFLICT"]
        again = apply_items(services, self.items(), by("b-1", epoch=2, redelivered=True))
        assert shape(again) == [2, "DECIDED_BEFORE", 2, "REVISION_CONFLICT"]
        assert stream.changes() == [(1, "registered"), (2, "disabled")]
        record = services.plugins.read("d-1/p0")
        assert record.plugin is not None and record.plugin.state == "DISABLED"

    def test_a_crash_before_publish(
        self,
        services: Services,
        another: Callable[[], Services],
        stream: Stream,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def crash(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(services.publisher, "publish_many", crash)
        with pytest.raises(KeyboardInterrupt):
            apply_items(services, self.items(), by("b-1", epoch=1))
        assert stream.changes() == []
        apply_items(another(), self.items(), by("b-1", epoch=2, redelivered=True))
        assert stream.changes() == [(1, "registered"), (2, "disabled")]

    def test_a_frozen_first_owner_cannot_apply_what_was_refused(
        self, services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        newer, frozen = another(), services.plugins.write_many
        refused = [item("u-1", "disable", plugin_id="p0", expected_revision=9)]

        def thaw(*arguments: Any) -> bool:
            monkeypatch.setattr(services.plugins, "write_many", frozen)
            again = by("b-1", epoch=2, redelivered=True)
            assert shape(apply_items(newer, refused, again)) == ["NOT_FOUND"]
            return frozen(*arguments)

        monkeypatch.setattr(services.plugins, "write_many", thaw)
        with pytest.raises(Fenced):
            apply_items(services, registers(1), by("b-1", epoch=1, lease=LostLease))


def test_a_write_that_missed_is_decided_again(
    services: Services, another: Callable[[], Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_items(services, registers(3), by("b-0"))
    write_many, other = services.plugins.write_many, another()

    def interfere(*arguments: Any) -> bool:
        monkeypatch.setattr(services.plugins, "write_many", write_many)
        apply_items(other, [item("x", "update", plugin_id="p1", name="X")], by("b-x"))
        return write_many(*arguments)

    monkeypatch.setattr(services.plugins, "write_many", interfere)
    items = [item(f"d-{n}", "disable", plugin_id=f"p{n}") for n in range(3)]
    assert shape(apply_items(services, items, by("b-1"))) == [2, 3, 2]


def test_a_fault_in_one_item_is_parked_alone(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    apply_items(services, registers(2), by("b-0"))
    decide = services.writer.decide

    def faulty(record: Any, command: Any, now: Any) -> Any:
        if command.write.plugin_id == "p1":
            raise ZeroDivisionError("bug")
        return decide(record, command, now)

    monkeypatch.setattr(services.writer, "decide", faulty)
    items = [item(f"d-{n}", "disable", plugin_id=f"p{n}") for n in range(2)]
    outcomes = apply_items(services, items, by("b-1"))
    assert shape(outcomes) == [2, "INTERNAL"]
    fault = outcomes[1]
    assert isinstance(fault, errors.InternalFault)
    letter = services.database["dead_letters"].find_one({"_id": fault.details["dead_letter_id"]})
    assert letter is not None and letter["command_id"] == "d-1"


@pytest.mark.parametrize(
    ("items", "path"),
    [
        ([item("", "enable", plugin_id="p")], "commands[0].id"),
        ([item("é", "enable", plugin_id="p")], "commands[0].id"),
        ([item("a", "enable", plugin_id="p"), item("a", "enable", plugin_id="q")], "commands[1].id"),
        ([item("a", "get", plugin_id="p")], "commands[0].operation"),
        ([item("a", "batch", commands=[])], "commands[0].operation"),
        ([item(f"a{n}", "enable", plugin_id="p") for n in range(51)], "commands"),
        # More that name no plugin do not hide them.
        (
            [item(f"a{n}", "enable", plugin_id="p" if n % 2 else "") for n in range(103)],
            "commands",
        ),
    ],
)
def test_a_wrong_frame_is_refused_whole(items: list[BatchItem], path: str) -> None:
    with pytest.raises(errors.InvalidParameter) as refusal:
        check_frame(PluginBatch.model_construct(commands=items), 1)
    assert refusal.value.details["path"] == path


def test_a_batch_for_several_partitions_is_refused() -> None:
    batch = PluginBatch.model_construct(commands=registers(20))
    check_frame(batch, 1)
    with pytest.raises(errors.InvalidParameter):
        check_frame(batch, 4)


def test_an_earlier_attempt_that_shows_late_is_published_as_it_was_written(
    services: Services, another: Callable[[], Services], stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt is written, but its outcome does not arrive; the second one reads before a majority
    of the store shows it, and so decides it all again.
    """
    apply_items(services, registers(1), by("b-0"))
    items = [item("u-1", "update", plugin_id="p0", name="A"), item("u-2", "disable", plugin_id="p0")]
    first = another()
    before = first.plugins.read_many(["d-1/p0"])

    def away(*_: object) -> None:
        raise errors.StoreUnavailable("no outcome")

    monkeypatch.setattr(first.publisher, "publish_many", away)
    with pytest.raises(errors.StoreUnavailable):
        apply_items(first, items, by("b-1"))
    shown = iter([before])
    real = services.plugins.read_many
    monkeypatch.setattr(services.plugins, "read_many", lambda keys: next(shown, None) or real(keys))

    outcomes = apply_items(services, items, by("b-1", redelivered=True))

    assert shape(outcomes) == [3, 3]
    stream.assert_gapless()
    kept = real(["d-1/p0"])["d-1/p0"]
    assert [e["data"] for e in stream.entries()][-2:] == [entry.data for entry in kept.outbox][-2:]
    assert services.publisher.publish(kept.subject(services.clock.now())).outcome == "ok"
