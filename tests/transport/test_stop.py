"""A process that is told to end waits for nothing that may not come."""

import threading

import pytest
from celery import signals

from contracts._redis.silence import Silences
from worker.app import create_app
from worker.settings import Settings
from worker.transport import state

HOST = ("redis", 6379)


def test_sigterm_ends_the_waits_for_an_outage_and_for_a_silent_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_requested, silences = threading.Event(), Silences()
    monkeypatch.setattr(state, "stop_requested", stop_requested)
    monkeypatch.setattr(state, "silences", silences)
    silences.note(HOST)
    assert not silences.gives_up(HOST)
    with create_app(Settings()):
        signals.worker_shutting_down.send(sender="w@host")
    assert stop_requested.is_set()
    assert silences.gives_up(HOST)
