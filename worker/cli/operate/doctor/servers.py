"""The servers: there, new enough, and set so that the promises can be kept."""

from collections.abc import Iterable, Iterator
from typing import Any

import redis

from contracts._redis.outage import translate_outage
from worker.cli.operate.doctor.finding import Finding
from worker.store.inspect import store_facts
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable

_REDIS_OLDEST = (6, 2)
_MONGODB_OLDEST = (6, 0)
_FULL = 0.8


def check_redis(client: Any, uses: Iterable[str]) -> Iterator[Finding]:
    """A Redis that serves as ``uses``. Raises ``BrokerUnavailable``."""
    subject = f"redis ({', '.join(uses)})"
    with translate_outage(BrokerUnavailable, BROKER_AWAY):
        info = client.info()
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    text = f"version {info['redis_version']}"
    if version < _REDIS_OLDEST:
        yield Finding("redis_version", "fail", subject, text, "Redis 6.2 is the oldest that is supported")
    else:
        yield Finding("redis_version", "ok", subject, text)
    if set(uses) & {"broker", "events"}:
        yield _durability(client, info, subject)
        yield _eviction(info, subject)
    limit, used = int(info.get("maxmemory", 0)), int(info["used_memory"])
    if limit and used > limit * _FULL:
        text = f"{used} of {limit} bytes are used"
        yield Finding(
            "redis_memory", "warn", subject, text, "give it more memory: full, it refuses every write"
        )


def _durability(client: Any, info: dict[str, Any], subject: str) -> Finding:
    if not int(info.get("aof_enabled", 0)):
        advice = "set appendonly yes: what is not on disk is lost when Redis ends"
        return Finding("redis_durability", "fail", subject, "it keeps no append-only file", advice)
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding(
            "redis_durability", "fail", subject, "it could not write its append-only file", "see its disk"
        )
    fsync = _appendfsync(client)
    if fsync == "no":
        advice = "set appendfsync always or everysec"
        return Finding("redis_durability", "warn", subject, "it leaves writing to the system", advice)
    if fsync == "everysec":
        text = "append-only file, every second: a crash of the machine may lose the last second"
        return Finding("redis_durability", "ok", subject, text)
    return Finding("redis_durability", "ok", subject, f"append-only file ({fsync or 'its pace is not told'})")


def _appendfsync(client: Any) -> str | None:
    try:
        value = client.config_get("appendfsync").get("appendfsync")
    except redis.RedisError:
        return None  # a hosted Redis may not let CONFIG be asked
    return str(value) if value else None


def _eviction(info: dict[str, Any], subject: str) -> Finding:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return Finding("redis_eviction", "ok", subject, "it evicts nothing")
    advice = "set maxmemory-policy noeviction: a Redis that is full then refuses, and does not forget"
    return Finding("redis_eviction", "fail", subject, f"it evicts keys when it is full ({policy})", advice)


def check_mongodb(database: Any) -> Iterator[Finding]:
    """The store. Raises ``StoreUnavailable``."""
    facts = store_facts(database)
    text = f"version {'.'.join(map(str, facts.version))}"
    if facts.version < _MONGODB_OLDEST:
        yield Finding(
            "mongodb_version", "fail", "mongodb", text, "MongoDB 6.0 is the oldest that is supported"
        )
    else:
        yield Finding("mongodb_version", "ok", "mongodb", text)
    if facts.replica_set is None:
        advice = "make it a replica set, of one member at least: majority reads and writes need it"
        yield Finding("mongodb_replica_set", "fail", "mongodb", "it is no replica set", advice)
    elif not facts.writable:
        advice = "name the whole replica set in PLUGINS_MONGODB_URL; wait for an election"
        yield Finding("mongodb_replica_set", "fail", "mongodb", "no primary was reached", advice)
    else:
        text = f"replica set {facts.replica_set}, {facts.members or 'sharded,'} member(s)"
        yield Finding("mongodb_replica_set", "ok", "mongodb", text)
