"""What an error of Redis is told as: away, no right, wrong login, full, read-only."""

import pytest
import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from contracts._redis.outage import is_redis_outage, redis_outage

RUN = "has no permissions to run the 'hset' command"
IN_PIPE = "Command # 2 (HSET plugin.events:revisions PluginChanged|d/p1 1:ab) of pipeline caused error: "
CERTIFICATE = "Error 1 connecting to db:1. [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
SCRIPT = "Command # 1 (EVALSHA abc 2 plugin.events other 1) of pipeline caused error: "

CASES: list[tuple[Exception, str, str]] = [
    (
        redis.ConnectionError("Error 111 connecting to db:1. Connection refused."),
        "away",
        "connection refused",
    ),
    (redis.ConnectionError("Error -2 connecting to db:1. Name or service not known."), "away", "not known"),
    (redis.ConnectionError(CERTIFICATE + "self-signed certificate (_ssl.c:1016)."), "away", "is not trusted"),
    (redis.ConnectionError(CERTIFICATE + "certificate has expired (_ssl.c:1016)."), "away", "has expired"),
    (
        redis.ConnectionError(CERTIFICATE + "Hostname mismatch, certificate is not valid"),
        "away",
        "another host",
    ),
    (redis.ConnectionError(CERTIFICATE + "IP address mismatch, certificate is not"), "away", "another host"),
    (redis.ConnectionError("Error 1 connecting to db:1. [SSL] record layer failure"), "away", "no TLS"),
    (redis.ConnectionError("Connection closed by server."), "away", "was closed"),
    (redis.TimeoutError("Timeout reading from socket"), "away", "no answer in time"),
    (redis.TimeoutError("Timeout connecting to server"), "away", "no answer in time"),
    (BusyLoadingError("Redis is loading the dataset in memory"), "away", "loads its data"),
    (redis.ConnectionError("max number of clients reached"), "away", "too many clients"),
    (ResponseError("BUSY Redis is busy running a script."), "away", "a script holds it up"),
    (ResponseError("MASTERDOWN Link with MASTER is down"), "away", "lost its primary"),
    (ResponseError("UNBLOCKED the stream key no longer exists"), "away", "lost the stream"),
    (AuthenticationError("invalid username-password pair or user is disabled."), "wrong_login", "password"),
    (AuthenticationError("Authentication required."), "wrong_login", "Authentication required"),
    (ResponseError("DENIED Redis is running in protected mode"), "wrong_login", "no password"),
    (NoPermissionError(f"User few {RUN}"), "no_right", "the user few HSET:"),
    (NoPermissionError("this user " + RUN + " or its subcommand"), "no_right", "HSET:"),
    (NoPermissionError(f"User few {RUN} (running 'HSET' on 'plugin.x')"), "no_right", "HSET on plugin.x:"),
    (NoPermissionError(f"{IN_PIPE}User few {RUN}"), "no_right", "HSET on plugin.events:revisions:"),
    (
        NoPermissionError("No permissions to access a key (running 'GET' on 'plugin.x')"),
        "no_right",
        "GET on plugin.x:",
    ),
    (
        NoPermissionError(f"{SCRIPT}No permissions to access a key"),
        "no_right",
        "EVALSHA on plugin.events:",
    ),
    (
        NoPermissionError("User few has no permissions to access the 'foo' key"),
        "no_right",
        "the user few a command on foo:",
    ),
    (
        ResponseError("The user executing the script can't run this command or subcommand script: 5e, on"),
        "no_right",
        "a command of a script:",
    ),
    (
        NoPermissionError("ACL failure in script: User few has no permissions to run the 'info' command"),
        "no_right",
        "the user few INFO:",
    ),
    (
        NoPermissionError(
            "Command # 1 (XGROUP DELCONSUMER plugin.events g c) of pipeline caused error: User few has no "
            "permissions to run the 'xgroup|delconsumer' command"
        ),
        "no_right",
        "the user few XGROUP DELCONSUMER:",
    ),
    (ResponseError("max requests limit exceeded. Limit: 500000"), "away", "limit of requests"),
    (ResponseError("max daily request limit exceeded"), "away", "limit of requests"),
    (ResponseError("max concurrent connections exceeded"), "away", "too many clients"),
    (ResponseError("DB capacity quota exceeded"), "full", "full"),
    (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "full", "full"),
    (ResponseError("-OOM command not allowed when used memory > 'maxmemory'."), "full", "full"),
    (ReadOnlyError("You can't write against a read only replica."), "read_only", "a replica"),
    (ResponseError("Error running script: -READONLY You can't write"), "read_only", "a replica"),
    (ResponseError("MISCONF Redis is configured to save RDB snapshots"), "read_only", "its disk"),
    (ResponseError("NOREPLICAS Not enough good replicas to write."), "read_only", "too few replicas"),
]


@pytest.mark.parametrize(("error", "state", "told"), CASES, ids=lambda value: str(value)[:40])
def test_each_state_is_told_apart(error: redis.RedisError, state: str, told: str) -> None:
    assert is_redis_outage(error)
    outage = redis_outage(error, "Redis does not answer")
    assert (outage.state, outage.is_refusal) == (state, state in ("no_right", "wrong_login"))
    assert told in outage.text
    assert outage.advice
    assert ("does not answer" in outage.text) is (state == "away")


def test_the_keys_that_were_used_are_told_where_redis_names_none() -> None:
    error = NoPermissionError("this user has no permissions to access one of the keys used as arguments")
    told = redis_outage(error, "", ("plugin.commands", "other")).text
    assert "a key of a command (it used plugin.commands, other)" in told


def test_what_was_written_is_not_told() -> None:
    secret = f"Command # 1 (HSET plugin.x field s3cret) of pipeline caused error: User few {RUN}"
    assert "s3cret" not in redis_outage(NoPermissionError(secret), "").text
