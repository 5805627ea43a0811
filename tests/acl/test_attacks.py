"""What a user of Redis tries, at a real one: denied, but for what its work needs."""

from collections.abc import Iterator

import pytest
import redis
from redis import ConnectionPool, Redis

from contracts._redis.outage import redis_outage
from tests.acl.attacks import ATTACKS
from tests.acl.left import LEFT
from tests.support.guarded import GuardedRedis
from worker.process.roles import ROLES

NAMES = [role.name for role in ROLES]


@pytest.fixture
def prey(guarded: GuardedRedis) -> Iterator[Redis]:
    """A Redis with something to take in every key, as an administrator sees it."""
    guarded.forget()
    with guarded.client(decode_responses=True) as admin:
        for queue in ("plugin.commands", "plugin.queries", "plugin.versions"):
            admin.lpush(queue, "a", "b")
            admin.lpush(f"{queue}:poison", "a")
            admin.hset(f"{queue}:unacked", "a", "b")
            admin.sadd(f"_kombu.binding.{queue}", "a")
            admin.zadd(f"{queue}:consumers", {"a": 1})
        admin.hset("plugin.commands:lease", mapping={"owner": "a", "epoch": 1})
        admin.sadd("plugin.commands:waiting", "a")
        admin.set("plugin.commands:partitions", 1)
        admin.set("celery-task-meta-other", "{}")
        admin.xadd("plugin.events", {"a": "b"}, id="1-1")
        admin.xadd("plugin.rejections", {"a": "b"})
        admin.xgroup_create("plugin.events", "versions", "0")
        admin.hset("plugin.events:revisions", "a", "1:*")
        yield admin


def is_denied(server: GuardedRedis, user: str, attack: str) -> bool:
    pool = ConnectionPool.from_url(server.url_of(user), protocol=2)
    connection = pool.get_connection()
    try:
        connection.send_command(*attack.split(" "))  # type: ignore[no-untyped-call]  # redis-py does not type it
        connection.read_response()
    except redis.ResponseError as error:
        # Some are refused to everybody, unless the server was started with them.
        return redis_outage(error, "").is_refusal or "command not allowed" in str(error)
    finally:
        pool.disconnect()
    return False


@pytest.mark.parametrize("user", NAMES)
def test_it_is_denied_what_its_work_does_not_need(guarded: GuardedRedis, prey: Redis, user: str) -> None:
    before = {key: prey.type(key) for key in prey.keys("*")}
    denied = [attack for attack in ATTACKS if attack not in LEFT[user] and is_denied(guarded, user, attack)]
    assert [attack for attack in ATTACKS if attack not in denied] == list(LEFT[user])
    assert len(denied) >= 85
    assert {key: prey.type(key) for key in prey.keys("*")} == before


@pytest.mark.parametrize("user", NAMES)
def test_what_is_left_to_it_is_told(guarded: GuardedRedis, prey: Redis, user: str) -> None:
    assert [attack for attack in LEFT[user] if is_denied(guarded, user, attack)] == []


def test_nobody_has_no_password(guarded: GuardedRedis) -> None:
    with Redis.from_url(guarded.url) as nobody, pytest.raises(redis.AuthenticationError):
        nobody.get("plugin.commands")
    with guarded.client("commands") as client, pytest.raises(redis.AuthenticationError):
        client.execute_command("AUTH", "commands", "")
