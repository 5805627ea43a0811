"""The rights of a process at several Redises: what one of them says hides nothing of another."""

import logging
from collections.abc import Sequence

import pytest
import redis

from worker.process.rights import Use, check_rights
from worker.process.rights_watch import WatchRights
from worker.tasks.broker import BrokerUnavailable

AWAY = redis.ConnectionError("Connection refused")
WRONG = redis.AuthenticationError("invalid username-password pair")


class Asked:
    """A Redis that says which needs its user lacks, by their places, or fails."""

    def __init__(self, answer: Sequence[int] | redis.RedisError) -> None:
        self.answer = answer

    def eval(self, *_: object) -> Sequence[int]:
        if isinstance(self.answer, redis.RedisError):
            raise self.answer
        return self.answer


def uses(broker: Asked, events: Asked) -> list[Use]:
    return [("broker", "redis://queries@one/0", broker), ("events", "redis://queries@two/0", events)]


def test_one_that_is_away_hides_no_right_that_lacks_at_another(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit, match="Redis at two:6379 refuses the user queries"):
        check_rights(["queries"], uses(Asked(AWAY), Asked([1])))
    assert "were not checked" in caplog.text


def test_one_that_is_away_hides_no_wrong_login_at_another() -> None:
    with pytest.raises(SystemExit, match="Redis refuses the user or the password"):
        check_rights(["queries"], uses(Asked(AWAY), Asked(WRONG)))


def test_what_is_taken_away_is_told_once_while_another_is_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    one, two = Asked(AWAY), Asked([1])
    watch = WatchRights(["queries"], uses(one, two), panel=False)
    for _ in range(2):
        with pytest.raises(BrokerUnavailable, match="connection refused"):
            watch.run()
    two.answer = []
    with pytest.raises(BrokerUnavailable):
        watch.run()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Redis at two:6379 refuses the user queries" in caplog.text
    one.answer = []
    watch.run()
    watch.run()
    assert [record.getMessage() for record in caplog.records[1:]] == ["this process has its rights again"]
