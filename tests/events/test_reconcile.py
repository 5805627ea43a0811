"""A MongoDB restored from a backup, and the events that are out already."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from contracts.commands import DeregisterPlugin, DisablePlugin, EnablePlugin, RegisterPlugin
from contracts.errors import PluginNotFound
from contracts.subscriber import Event, Subscriber
from tests.support.commands import apply, by
from tests.support.stream import Stream
from worker.cli.operate.reconcile import reconcile
from worker.domain.events import Users
from worker.domain.image import ImageRef, TagList
from worker.domain.refresh import decide_refresh
from worker.domain.schedule import Intervals
from worker.services import Services

NOW = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def environment(redis_url: str, mongodb_url: str) -> dict[str, str]:
    return {"PLUGINS_REDIS_URL": redis_url, "PLUGINS_MONGODB_URL": mongodb_url}


@pytest.fixture
def stream(redis_url: str) -> Iterator[Stream]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield Stream(client)


class Hand:
    """Writes as a worker does, numbering its commands."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def write(self, command: Any) -> Any:
        # Of all hands: an id that was used once is no other command's.
        return apply(self.services, command, by(f"c-{next(_numbers)}"))

    def register(self, plugin: str) -> Any:
        return self.write(RegisterPlugin(domain_id="d", name="n", service_type="s", image=f"a/{plugin}"))

    def flip(self, plugin: str, times: int) -> None:
        for _ in range(times):
            state = self.services.plugins.read(f"d/{plugin}").shown
            kind = DisablePlugin if state and state.state == "ENABLED" else EnablePlugin
            self.write(kind(domain_id="d", plugin_id=plugin))


@pytest.fixture
def hand(services: Services) -> Hand:
    return Hand(services)


class Backup:
    """A copy of the documents, and bringing it back."""

    def __init__(self, services: Services) -> None:
        self._database = services.database
        self._copies = {name: list(self._database[name].find()) for name in ("plugins", "images")}

    def restore(self) -> None:
        for name, documents in self._copies.items():
            self._database[name].delete_many({})
            if documents:
                self._database[name].insert_many(documents)


class Witness:
    """A subscriber that was there all the time."""

    def __init__(self, client: Any) -> None:
        self.gaps: list[Any] = []
        self.events: list[Event] = []
        self._subscriber = Subscriber(client, "witness", "one", self.events.append, on_gap=self.gaps.append)
        self._subscriber.join()

    def catch_up(self) -> None:
        while self._subscriber.poll():
            pass

    def revisions(self, subject: str) -> list[int]:
        return [event.revision for event in self.events if event.subject == subject]


def run(environment: dict[str, str], *arguments: str) -> Any:
    result = CliRunner().invoke(reconcile, [*arguments, "--json"], env=environment)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def outbox(services: Services, key: str) -> list[int]:
    return [event.revision for event in services.plugins.read(key).outbox]


@pytest.mark.parametrize("restarted", [True, False], ids=["workers restarted", "same worker"])
@pytest.mark.parametrize("writes", [0, 1, 2, 4], ids=lambda n: f"{n} writes since")
def test_a_restored_plugin_goes_on_above_its_events(
    services: Services, stream: Stream, environment: dict[str, str], restarted: bool, writes: int
) -> None:
    hand, witness = Hand(services), Witness(stream.client)
    hand.register("jira")
    hand.register("slack")
    backup = Backup(services)
    hand.flip("jira", 2)
    before = len(stream.entries())
    backup.restore()

    worker = Services(services.settings) if restarted else services
    Hand(worker).flip("jira", writes)
    # Their revisions are told of another history already: they wait.
    assert outbox(services, "d/jira")[-writes:] == [2, 3, 4, 5][:writes] if writes else True
    assert len(stream.entries()) == before

    above = max(3, 1 + writes) + 1
    found = run(environment, "--dry-run")["ahead"]
    assert found == [
        {
            "what": "lift",
            "type": "spaceone.api.repository.v1.PluginChanged",
            "subject": "d/jira",
            "store": 1 + writes,
            "stream": 3,
        }
    ]
    assert len(stream.entries()) == before
    assert [row["revision"] for row in run(environment)["repaired"]] == [above]
    assert run(environment) == {"repaired": [], "left": []}
    # Until the sweep has moved the mark: see tests/events/test_losses_of_two.py.
    assert outbox(services, "d/jira") == [above]

    Hand(worker).flip("jira", 2)
    stream.assert_gapless()
    witness.catch_up()
    assert witness.revisions("d/jira") == [1, 2, 3, above, above + 1, above + 2]
    assert [event.gap for event in witness.events if event.subject == "d/jira"].count(True) == 1
    lifted = next(event for event in witness.events if event.gap)
    assert lifted.data["change"] == "resynced"
    assert lifted.data["plugin"]["revision"] == lifted.data["revision"] == above
    assert lifted.data["plugin"]["state"] == ("DISABLED" if writes % 2 else "ENABLED")
    assert services.sweep().compare().ahead == 0
    if restarted:
        worker.close()


def test_a_tombstone_goes_on_as_one(
    services: Services, hand: Hand, stream: Stream, environment: dict[str, str]
) -> None:
    hand.register("jira")
    hand.write(DeregisterPlugin(domain_id="d", plugin_id="jira"))
    backup = Backup(services)
    hand.register("jira")
    backup.restore()
    run(environment)
    assert stream.changes()[-1] == (4, "deregistered")
    assert stream.entries()[-1]["gap"] == "true"
    assert hand.register("jira").revision == 5
    stream.assert_gapless()


def test_a_plugin_that_the_store_does_not_know_keeps_its_revisions_used_up(
    services: Services, hand: Hand, stream: Stream, environment: dict[str, str]
) -> None:
    backup = Backup(services)
    hand.register("jira")
    hand.flip("jira", 2)
    backup.restore()
    assert [row["what"] for row in run(environment, "--dry-run")["ahead"]] == ["hold"]
    before = len(stream.entries())
    assert [row["revision"] for row in run(environment)["repaired"]] == [3]
    assert run(environment, "--dry-run") == {"ahead": []}
    assert len(stream.entries()) == before
    with pytest.raises(PluginNotFound):
        hand.write(EnablePlugin(domain_id="d", plugin_id="jira"))
    assert services.plugins.find(["d/jira"], "d") is None
    services.sweep().compare()
    assert len(stream.entries()) == before
    assert hand.register("jira").revision == 4
    stream.assert_gapless()
    assert stream.changes()[-1] == (4, "registered")


def test_a_placeholder_that_is_itself_restored_is_raised_again(
    services: Services, hand: Hand, environment: dict[str, str]
) -> None:
    backup = Backup(services)
    hand.register("jira")
    backup.restore()
    run(environment)
    held = Backup(services)
    hand.register("jira")
    held.restore()
    assert [row["revision"] for row in run(environment)["repaired"]] == [2]
    assert hand.register("jira").revision == 3


def test_a_write_in_between_is_not_lost(
    services: Services, hand: Hand, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand.register("jira")
    backup = Backup(services)
    hand.flip("jira", 2)
    backup.restore()
    read = services.plugins.read
    raced: list[str] = []

    def read_and_be_overtaken(key: str) -> Any:
        record = read(key)
        if not raced:
            raced.append(key)
            hand.flip("jira", 1)
        return record

    monkeypatch.setattr(services.plugins, "read", read_and_be_overtaken)
    (repaired,) = services.reconcile().repair()
    assert raced and repaired.revision == 4
    plugin = read("d/jira").plugin
    assert plugin is not None and plugin.state == "DISABLED"
    stream.assert_gapless()


def test_a_healthy_store_is_left_alone(services: Services, hand: Hand, stream: Stream) -> None:
    hand.register("jira")
    hand.flip("jira", 3)
    before = list(services.database["plugins"].find())
    entries = stream.entries()
    assert list(services.reconcile().repair()) == []
    assert list(services.database["plugins"].find()) == before
    assert stream.entries() == entries


REF = ImageRef("OCI", "registry.example:5000", "a/jira", "robot")


def fetched(services: Services, *tags: str) -> None:
    """Read the image from its registry, which has ``tags``, and publish the change."""
    images, queue = services.image_store.images, services.image_store.queue
    images.ensure(REF, NOW)
    images.make_due(REF.key, NOW)
    assert queue.claim([REF.key], "token", NOW)
    claim = images.read_claimed(REF.key, "token")
    assert claim is not None
    decision = decide_refresh(claim.image, TagList(tags), NOW, Intervals())
    assert decision.change is not None
    after = decision.image.announced(decision.change, Users(), NOW)
    assert images.write(claim, after, NOW)
    services.publisher.publish(images.subject(after, NOW))


@pytest.mark.parametrize("known", [True, False], ids=["known to the backup", "unknown"])
def test_images_go_on_above_their_events_too(
    services: Services, stream: Stream, environment: dict[str, str], known: bool
) -> None:
    backup = Backup(services)
    fetched(services, "1")
    if known:
        backup = Backup(services)
    fetched(services, "1", "2")
    witness = Witness(stream.client)
    backup.restore()
    (row,) = run(environment)["repaired"]
    assert (row["subject"], row["what"]) == (REF.subject, "lift" if known else "hold")
    assert row["revision"] == (3 if known else 2)
    assert run(environment, "--dry-run") == {"ahead": []}
    fetched(services, "1", "2", "3")
    stream.assert_gapless()
    witness.catch_up()
    assert witness.revisions(REF.subject) == ([1, 2, 3, 4] if known else [1, 2, 3])
    gaps = [json.loads(entry["data"]) for entry in stream.entries() if entry.get("gap")]
    assert [(gap["added"], gap["removed"], gap["total_count"]) for gap in gaps] == [([], [], 1)] * known
