"""What becomes of the messages of a job that ended with an error."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis
from celery.exceptions import Reject

from tests.support.tasks import Ledger, delivery_of
from worker.transport.consumer import Consumer


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (redis.ConnectionError("away"), "back"),
        (redis.TimeoutError("slow"), "back"),
        (ConnectionResetError(), "back"),
        (Reject(), "back"),
        (redis.ResponseError("WRONGTYPE Operation against a key"), "failed"),
        (redis.DataError("Invalid input of type"), "failed"),
        (ValueError(), "failed"),
    ],
)
def test_only_an_outage_is_not_counted(error: Exception, action: str) -> None:
    delivery = delivery_of("plugin.enable", {})
    job: Future[Any] = Future()
    job.set_exception(error)
    Consumer._done(cast(Consumer, SimpleNamespace(call_soon=lambda _: None)), [delivery], job)
    assert isinstance(delivery.settler, Ledger)
    assert delivery.settler.settled == [("c-1", action)]
