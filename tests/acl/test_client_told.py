"""A caller whose user lacks a right, or whose password is wrong, learns that, and not that Redis is away."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from redis import Redis

from contracts.client import AskTimeout, PluginClient, RedisRefused
from contracts.subscriber import Subscriber
from tests.contracts.subscribers import publish
from tests.support.guarded import GuardedRedis
from worker.cli.main import main

REGISTRATION: dict[str, Any] = {"domain_id": "d-1", "name": "J", "service_type": "x.Y", "image": "acme/jira"}


@pytest.fixture
def weak(guarded: GuardedRedis) -> Iterator[Callable[[str], str]]:
    """Makes a user with everything but one command; returns its URL."""
    with guarded.client() as admin:

        def make(command: str) -> str:
            admin.acl_setuser(
                "weak", enabled=True, reset=True, passwords=["+secret-weak"], keys=["*"], channels=["*"],
                commands=["+@all", f"-{command}"],
            )  # fmt: skip
            return guarded.url_of("weak")

        yield make
        admin.acl_deluser("weak")


def asks(url: str) -> None:
    with PluginClient(url) as client:
        client.ask("register", **REGISTRATION, timeout_s=2)


def sends_many(url: str) -> None:
    with PluginClient(url) as client:
        client.send_many([{"operation": "register", "params": REGISTRATION}])


def asks_many(url: str) -> None:
    with PluginClient(url) as client:
        list(client.ask_many([{"operation": "register", "params": REGISTRATION}], timeout_s=2))


@pytest.mark.parametrize(
    ("act", "command"),
    [
        (asks, "lpush"),
        (asks, "sadd"),
        (asks, "subscribe"),
        (asks, "get"),
        (sends_many, "lpush"),
        (asks_many, "mget"),
        (asks_many, "lpush"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_command_is_named(act: Callable[[str], None], command: str, weak: Callable[[str], str]) -> None:
    with pytest.raises(RedisRefused, match=f"refuses .* {command.upper()}.*README.md"):
        act(weak(command))


def test_a_queue_that_is_not_its_own_is_told(guarded: GuardedRedis) -> None:
    with (
        PluginClient(guarded.url_of("beat")) as client,
        pytest.raises(RedisRefused, match=r"refuses .* on plugin\.commands:"),
    ):
        client.send("register", **REGISTRATION)


def test_what_was_refused_is_not_told_to_the_next(guarded: GuardedRedis) -> None:
    """That an answer may not be read is known before the refusal of its subscription is."""
    with PluginClient(guarded.url_of("billing")) as client:
        with pytest.raises(RedisRefused, match=r"a key of a command \(it used celery-task-meta-"):
            client.ask("register", **REGISTRATION, command_id="other.1")
        with pytest.raises(AskTimeout):
            client.ask("register", **REGISTRATION, command_id="billing.1", timeout_s=0.1)


@pytest.mark.parametrize("act", [asks, sends_many, asks_many])
def test_a_wrong_password_is_told(guarded: GuardedRedis, act: Callable[[str], None]) -> None:
    with pytest.raises(RedisRefused, match="the user or the password"):
        act(guarded.url_of("publisher").replace("secret", "wrong"))


@pytest.mark.parametrize("arguments", [("list", "--domain-id", "d-1"), ("doctor",), ("partitions", "show")])
def test_the_command_line_tells_it(guarded: GuardedRedis, arguments: tuple[str, ...]) -> None:
    wrong = guarded.url_of("operator").replace("secret", "wrong")
    for url, told in ((guarded.url_of("beat"), "refuses"), (wrong, "the user or the password")):
        result = CliRunner().invoke(main, arguments, env={"PLUGINS_REDIS_URL": url}, catch_exceptions=False)
        assert result.exit_code == 1
        assert told in result.output
        assert "does not answer" not in result.output.replace("MongoDB does not answer", "")


def test_a_subscriber_waits_and_tells_it(guarded: GuardedRedis, caplog: pytest.LogCaptureFixture) -> None:
    stops: list[Any] = [False, False, True]
    with guarded.client("beat") as client:
        Subscriber(client, "billing", "a", print).run(lambda: stops.pop(0), block_s=0.01)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "XREADGROUP" in caplog.text
    assert "group billing waits for its Redis: Redis refuses" in caplog.text


@pytest.mark.parametrize("command", ["xinfo|consumers", "xgroup|delconsumer"])
def test_a_subscriber_that_may_not_remove_consumers_goes_on_and_tells_it_once(
    guarded: GuardedRedis, caplog: pytest.LogCaptureFixture, weak: Callable[[str], str], command: str
) -> None:
    seen: list[str] = []
    with guarded.client() as admin, Redis.from_url(weak(command)) as client:
        admin.flushall()
        admin.xgroup_create("plugin.events", "billing", id="0", mkstream=True)
        admin.xgroup_createconsumer("plugin.events", "billing", "gone")
        subscriber = Subscriber(client, "billing", "a", lambda e: seen.append(e.subject), forget_s=0)
        for revision in (1, 2):
            publish(admin, revision)
            subscriber.poll()
    assert seen == ["d/a", "d/a"]
    (told,) = [r.getMessage() for r in caplog.records]
    name = command.replace("|", " ").upper()
    assert told.startswith("consumers that are gone stay in the group billing: Redis refuses")
    assert f" {name}: its line of the ACL file lacks that right" in told
