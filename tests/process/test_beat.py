"""Beat's scheduler: what it says of a tick that cannot be sent."""

import logging
from typing import Any

import pytest
from celery.beat import SchedulingError

from worker.app import create_app
from worker.process.beat import Scheduler
from worker.settings import Settings


class Refusing(Scheduler):
    """Cannot send anything."""

    def apply_async(self, *_: Any, **__: Any) -> None:
        raise SchedulingError("no room")


def test_a_tick_that_cannot_be_sent_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with create_app(Settings()) as app, caplog.at_level(logging.ERROR):
        Refusing(app=app, lazy=True).apply_entry(object())
    assert [(line.getMessage(), line.exc_info) for line in caplog.records] == [("no room", None)]
