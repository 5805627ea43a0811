"""What a group tells: events, then answers, and nothing is taken for told that was not."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from celery import Celery, states
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from contracts.errors import PluginNotFound
from tests.plugins.writes import register
from tests.support.commands import by, command_of, decide
from tests.support.stream import Stream
from worker.devtools.embedded.redis import RedisServer
from worker.events.rejections import Refusal
from worker.events.unavailable import EventsUnavailable
from worker.services import Services
from worker.settings import Settings
from worker.tasks.announce import Announcer
from worker.tasks.answer_store import KEPT_S, AnswerStore, AnswersUnavailable
from worker.tasks.answers import Answer

DONE = Answer.success("c-1", '{"plugin_id":"jira"}')


@pytest.fixture
def services(redis_url: str, mongodb_url: str) -> Iterator[Services]:
    made = Services(Settings(redis_url=redis_url, mongodb_url=mongodb_url))
    with closing(made):
        yield made


@pytest.fixture
def stream(redis_url: str) -> Iterator[Stream]:
    with closing(Redis.from_url(redis_url, decode_responses=True)) as client:
        yield Stream(client)


def announcer(services: Services, answers: Any = None) -> Announcer:
    store = AnswerStore(answers or services.redis)
    return Announcer(services.redis, store, services.publisher, services.rejections)


def subjects(services: Services) -> list[Any]:
    return decide(services, [command_of(register(), by("c-1"))], by("c-1").lease).subjects


def stored(services: Services, command_id: str = "c-1") -> Any:
    raw = services.redis.get(f"celery-task-meta-{command_id}")
    return json.loads(raw) if raw else None


def test_an_answer_is_what_celery_stores(services: Services, redis_url: str) -> None:
    backend = Celery("test", backend=redis_url, set_as_current=False).backend
    refusal = PluginNotFound("no such plugin", details={"plugin_id": "jira"})
    answers = {
        "ok": (Answer.success("ok", '{"a":"\u00e9"}'), {"a": "\u00e9"}, states.SUCCESS),
        "no": (Answer.failure("no", refusal), refusal, states.FAILURE),
    }
    announcer(services).send([], [answer for answer, _, _ in answers.values()], [])
    assert 0 < services.redis.ttl("celery-task-meta-ok") <= KEPT_S
    for command_id, (_, result, state) in answers.items():
        ours = stored(services, command_id)
        services.redis.delete(f"celery-task-meta-{command_id}")
        backend.store_result(command_id, result, state)
        # A worker's answer has an empty list of children where a bare backend has none.
        theirs = stored(services, command_id) | {"children": []}
        assert ours.keys() == theirs.keys()
        assert ours | {"date_done": None} == theirs | {"date_done": None}


def test_who_waits_is_told(services: Services) -> None:
    with services.redis.pubsub() as waiting:
        waiting.subscribe("celery-task-meta-c-1")
        waiting.get_message(timeout=60)
        announcer(services).send([], [DONE], [])
        message = waiting.get_message(timeout=60)
    assert message and json.loads(message["data"])["result"] == {"plugin_id": "jira"}


@pytest.mark.parametrize("apart", [False, True])
def test_events_and_answers_go_out_and_twice_is_once(
    services: Services, stream: Stream, redis_url: str, apart: bool
) -> None:
    pending = subjects(services)
    with closing(Redis.from_url(redis_url)) as other:
        teller = announcer(services, other if apart else None)
        for _ in range(2):
            teller.send(
                pending, [DONE], [("c-2", "plugin.disable", {"domain_id": "d"}, PluginNotFound("no"))]
            )
    assert stream.changes() == [(1, "registered")]
    assert stored(services)["status"] == "SUCCESS"
    assert services.redis.xlen("plugin.rejections") == 2


def test_it_is_one_round_trip_where_one_redis_holds_both(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller, pending = announcer(services), subjects(services)
    teller.send([], [Answer.success("warm", "1")], [])
    services.publisher.publish_many(pending)
    sent = list[int]()
    shipped = services.redis.connection_pool.get_connection

    def count(*arguments: Any, **options: Any) -> Any:
        sent.append(1)
        return shipped(*arguments, **options)

    monkeypatch.setattr(services.redis.connection_pool, "get_connection", count)
    teller.send(pending, [DONE], [("c-2", "plugin.disable", {}, PluginNotFound("no"))])
    assert len(sent) == 1


def test_with_two_redises_a_refusal_is_told_once_when_its_answer_is_stored(services: Services) -> None:
    refused: list[Refusal] = [("c-1", "plugin.disable", {}, PluginNotFound("no"))]
    with closing(Redis(port=1, retry=Retry(NoBackoff(), 0))) as away, pytest.raises(AnswersUnavailable):
        announcer(services, away).send([], [DONE], refused)
    assert services.redis.xlen("plugin.rejections") == 0
    with closing(Redis.from_url(services.settings.redis_url)) as other:
        announcer(services, other).send([], [DONE], refused)
    assert services.redis.xlen("plugin.rejections") == 1


def test_a_full_redis_has_neither_event_nor_answer_and_is_waited_for(
    own_redis: RedisServer, mongodb_url: str
) -> None:
    full = Services(Settings(redis_url=own_redis.url, mongodb_url=mongodb_url))
    with closing(full):
        full.redis.flushall()
        pending = subjects(full)
        full.redis.config_set("maxmemory", 1)
        with pytest.raises((EventsUnavailable, AnswersUnavailable)):
            announcer(full).send(pending, [DONE], [])
        full.redis.config_set("maxmemory", 0)
        announcer(full).send(pending, [DONE], [])
        assert stored(full)["status"] == "SUCCESS"
        assert full.redis.xlen("plugin.events") == 1


def test_an_answer_that_failed_behind_its_event_is_not_taken_for_told(
    services: Services, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipeline goes on behind a command that failed, and does not raise by itself."""
    services.redis.acl_setuser(
        "narrow", enabled=True, passwords=["+p"], keys=["plugin.*"], channels=["*"], commands=["+@all"]
    )
    pending = subjects(services)
    url = services.settings.redis_url.replace("redis://", "redis://narrow:p@")
    with closing(Redis.from_url(url)) as narrow:
        services.redis = narrow
        with pytest.raises(AnswersUnavailable):
            announcer(services).send(pending, [DONE], [])
    assert stream.changes() == [(1, "registered")]


def test_scripts_that_redis_forgot_are_loaded_again(services: Services, stream: Stream) -> None:
    pending = subjects(services)
    services.redis.script_flush()
    announcer(services).send(pending, [DONE], [])
    assert stream.changes() == [(1, "registered")]
    assert stored(services)["status"] == "SUCCESS"


@pytest.mark.parametrize("missing", ["-setex", "-publish", "resetchannels"])
def test_a_right_that_a_script_lacks_is_waited_for(services: Services, redis_url: str, missing: str) -> None:
    """Redis has a sentence of its own for it, without NOPERM: else every command became a dead letter."""
    services.redis.acl_setuser("limited", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
    services.redis.execute_command("ACL", "SETUSER", "limited", "allchannels", missing)
    try:
        limited = Redis.from_url(redis_url, username="limited", password="x")
        with closing(limited), pytest.raises(AnswersUnavailable):
            announcer(services, limited).send([], [DONE], [])
    finally:
        services.redis.acl_deluser("limited")
