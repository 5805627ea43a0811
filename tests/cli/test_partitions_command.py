"""`plugins partitions`: the number in force, and what stands in the way of another one."""

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from worker.cli.operate.partitions import partitions
from worker.process.partitions import PARTITIONS

Run = Callable[..., Result]


@pytest.fixture
def run(plugins_env: dict[str, str]) -> Run:
    def invoke(*arguments: str, wanted: int = 1) -> Result:
        env = plugins_env | {"PLUGINS_COMMAND_PARTITIONS": str(wanted)}
        return CliRunner().invoke(partitions, list(arguments), env=env)

    return invoke


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def test_show_tells_both_numbers_and_by_its_status_whether_they_differ(run: Run, redis: Redis) -> None:
    redis.set(PARTITIONS, 4)
    for wanted, status in ((4, 0), (2, 1)):
        shown = run("show", "--json", wanted=wanted)
        assert json.loads(shown.stdout) == {"partitions": 4, "settings": wanted}
        assert (shown.exit_code, shown.stderr) == (status, "")
    assert "refuse to start" in run("show", wanted=2).stdout
    assert "refuse to start" not in run("show", wanted=4).stdout


def test_set_tells_what_is_in_the_way(run: Run, redis: Redis) -> None:
    redis.set(PARTITIONS, 1)
    redis.lpush("plugin.commands", "{}")
    told = run("set", "4", "--json")
    assert (told.exit_code, told.stderr) == (1, "")
    error = json.loads(told.stdout)["error"]
    assert (error["code"], error["details"]) == ("IN_USE", {"key": "plugin.commands"})
    line = run("set", "4")
    assert (line.exit_code, line.stdout) == (1, "")
    assert line.stderr.startswith("IN_USE: 'plugin.commands' is in use: messages wait there")
    assert redis.get(PARTITIONS) == "1"


@pytest.mark.parametrize("left", ["plugin.commands.3", "plugin.commands.3:unacked"])
def test_what_is_left_on_another_number_of_partitions_is_moved_as_the_help_says(
    run: Run, redis: Redis, left: str
) -> None:
    redis.set(PARTITIONS, 2)
    if left.endswith(":unacked"):
        redis.hset(left, "host:1:abc:7", "older")
    else:
        redis.lpush(left, "older")
    told = run("set", "1", "--json")
    assert json.loads(told.stdout)["error"]["details"] == {"key": left}
    redis.lpush("plugin.commands", "newer")
    untyped: Any = redis
    untyped.execute_command(*next(c for c in shell_commands(run("set", "--help").stdout) if left in c))
    assert sorted(redis.lrange("plugin.commands", 0, -1)) == ["newer", "older"]
    redis.delete("plugin.commands")
    assert run("set", "1").exit_code == 0


def shell_commands(text: str) -> list[list[str]]:
    """What a help text tells to give to redis-cli, without its name."""
    return [shlex.split(part.split("\n\n")[0]) for part in text.split("redis-cli ")[1:]]


def test_set_changes_the_number(run: Run, redis: Redis) -> None:
    redis.set(PARTITIONS, 1)
    assert json.loads(run("set", "4", "--json").stdout) == {"before": 1, "partitions": 4}
    assert redis.get(PARTITIONS) == "4"
