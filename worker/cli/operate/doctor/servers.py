"""The servers: they answer, are new enough, and are configured so that the promises can be kept."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import redis
from redis.exceptions import NoPermissionError

from contracts._redis.connect import open_redis
from contracts._redis.outage import is_redis_outage, redis_outage, translate_outage
from worker.cli.operate.doctor.finding import Check, Finding, Server
from worker.cli.operate.doctor.memory import inspect_memory
from worker.events.script import LEDGER
from worker.process.rights import Need, lacking
from worker.services import Services
from worker.store.inspect import COLLECTIONS, refused, store_facts
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable

_NOWHERE = 2**31 - 1
_REDIS_OLDEST = (6, 2)
_MONGODB_OLDEST = (6, 0)


def server_checks(services: Services) -> Iterator[Check]:
    """Yield a check of each server that the settings name; a Redis with several uses is asked once.

    What such a check ``needs`` are the servers that are away if it finds its server unreachable.
    """
    settings = services.settings
    urls: tuple[tuple[Server, str], ...] = (
        ("broker", settings.broker),
        ("results", settings.results),
        ("events", settings.events),
    )
    for url in dict.fromkeys(url for _, url in urls):
        uses = tuple(use for use, its_url in urls if its_url == url)
        yield Check(f"redis ({', '.join(uses)})", partial(_inspect_redis, url, uses), needs=uses)
    yield Check("mongodb", inspect_mongodb, needs=("store",))


def _inspect_redis(url: str, uses: Sequence[Server], services: Services) -> Iterator[Finding]:
    limits = (services.settings.events_max_bytes, services.settings.answers_max_bytes)
    with open_redis(url) as client:
        yield from inspect_redis(client, uses, limits)


def inspect_redis(
    client: Any, uses: Sequence[Server], limits: Sequence[int | None] = (None,)
) -> Iterator[Finding]:
    """Yield what there is to say about a Redis that serves as ``uses``.

    ``limits``: the settings without which INFO is needed.

    Raises:
        BrokerUnavailable: it does not answer.
    """
    subject = f"redis ({', '.join(uses)})"
    with translate_outage(BrokerUnavailable, BROKER_AWAY):
        client.ping()
        info = _info(client)
        if info is None:
            yield _without_info(limits, subject)
        else:
            yield from _told_by_info(client, info, uses, subject)
        yield from _writes(client, subject)


def _info(client: Any) -> dict[str, Any] | None:
    """Return what INFO says; None where this user has no right to it, or the Redis has no INFO."""
    try:
        return dict(client.info())
    except redis.ResponseError as error:
        if is_redis_outage(error) and not isinstance(error, NoPermissionError):
            raise
        return None


def _without_info(limits: Sequence[int | None], subject: str) -> Finding:
    text = "no right to INFO: its version, memory and durability are not known"
    if all(limits):
        return Finding("redis_info", "ok", subject, text)
    advice = (
        "give INFO, for the user `operator`; or, where nobody may have it, set PLUGINS_EVENTS_MAX_BYTES to a "
        "quarter of its memory, and PLUGINS_ANSWERS_MAX_BYTES to an eighth"
    )
    return Finding("redis_info", "warn", subject, text, advice)


def _told_by_info(
    client: Any, info: dict[str, Any], uses: Sequence[Server], subject: str
) -> Iterator[Finding]:
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    text = f"version {info['redis_version']}"
    if version < _REDIS_OLDEST:
        yield Finding("redis_version", "fail", subject, text, "Redis 6.2 is the oldest that is supported")
    else:
        yield Finding("redis_version", "ok", subject, text)
    if set(uses) & {"broker", "events"}:
        yield _durability(client, info, subject)
        yield _eviction(info, subject)
    yield from inspect_memory(client, info, uses, subject)


def _writes(client: Any, subject: str) -> Iterator[Finding]:
    """Find a Redis that takes no writes, or nothing more: by a write that can have no effect."""
    try:
        client.lset(LEDGER, _NOWHERE, "")
    except NoPermissionError:
        return
    except redis.ResponseError as error:
        # That there is no such place, or no such list, is the answer of one that takes writes.
        if is_redis_outage(error):
            outage = redis_outage(error, BROKER_AWAY)
            details = {"state": outage.state}
            yield Finding("redis_writes", "fail", subject, outage.text, outage.advice, details)


def _durability(client: Any, info: dict[str, Any], subject: str) -> Finding:
    found = "redis_durability"
    if not int(info.get("aof_enabled", 0)):
        advice = "set appendonly yes: without it, all data are lost when Redis ends"
        return Finding(found, "fail", subject, "it has no append-only file", advice)
    if info.get("aof_last_write_status", "ok") != "ok":
        return Finding(found, "fail", subject, "it could not write its append-only file", "check its disk")
    fsync = _appendfsync(client)
    if fsync == "no":
        advice = "set appendfsync always or everysec"
        return Finding(found, "warn", subject, "appendfsync no: the system decides when to write", advice)
    if fsync == "everysec":
        text = "append-only file, every second: a crash of the machine may lose the last second"
        return Finding(found, "ok", subject, text)
    told = fsync or "unknown: its user may not ask for it"
    return Finding(found, "ok", subject, f"append-only file (appendfsync {told})")


def _appendfsync(client: Any) -> str | None:
    try:
        # A hosted Redis may refuse it, and so do our ACLs: CONFIG GET shows passwords too.
        if lacking(client, [Need("config|get", "appendfsync")]):
            return None
        value = client.config_get("appendfsync").get("appendfsync")
    except redis.RedisError:
        return None
    return str(value) if value else None


def _eviction(info: dict[str, Any], subject: str) -> Finding:
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return Finding("redis_eviction", "ok", subject, "it evicts nothing")
    advice = "set maxmemory-policy noeviction: when it is full, Redis then refuses writes and loses nothing"
    return Finding("redis_eviction", "fail", subject, f"it evicts keys when it is full ({policy})", advice)


def inspect_mongodb(services: Services) -> Iterator[Finding]:
    """Yield what there is to say about the store.

    Raises:
        StoreUnavailable: it does not answer.
    """
    facts = store_facts(services.database)
    text = f"version {'.'.join(map(str, facts.version))}"
    if facts.version < _MONGODB_OLDEST:
        advice = "MongoDB 6.0 is the oldest that is supported"
        yield Finding("mongodb_version", "fail", "mongodb", text, advice)
    else:
        yield Finding("mongodb_version", "ok", "mongodb", text)
    found = "mongodb_replica_set"
    if facts.replica_set is None:
        advice = "make it a replica set, of at least one member: majority reads and writes need it"
        yield Finding(found, "fail", "mongodb", "it is not a replica set", advice)
    elif not facts.writable:
        advice = "name the whole replica set in PLUGINS_MONGODB_URL; wait for an election"
        yield Finding(found, "fail", "mongodb", "no primary was reached", advice)
    else:
        text = f"replica set {facts.replica_set}, {facts.members or 'sharded,'} member(s)"
        yield Finding(found, "ok", "mongodb", text)
    if facts.replica_set is None or facts.writable:
        for outage in islice(refused(services.database, COLLECTIONS, writes=True), 1):
            details = {"state": outage.state}
            yield Finding("mongodb_writes", "fail", "mongodb", outage.text, outage.advice, details)
