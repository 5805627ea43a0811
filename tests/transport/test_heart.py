"""The events that tell that a worker is there: none is sent over a connection that is lost."""

from types import SimpleNamespace
from typing import Any

import pytest

from worker.transport.heart import Heart


class Dispatcher:
    """Keeps what is sent; ``retried``: whether any of it was to be tried until Redis takes it."""

    enabled = True

    def __init__(self) -> None:
        self.on_enabled: set[Any] = set()
        self.on_disabled: set[Any] = set()
        self.sent: list[str] = []
        self.retried = False

    def send(self, event: str, retry: bool = False, **_: Any) -> None:
        self.sent.append(event)
        self.retried = self.retried or retry


class Timer:
    """Runs nothing by itself; ``entries``: what it would repeat."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def call_repeatedly(self, _interval_s: float, call: Any, arguments: Any) -> Any:
        self.entries.append((call, arguments))
        return self.entries[-1]

    def cancel(self, entry: Any) -> None:
        self.entries.remove(entry)


@pytest.fixture
def consumer() -> Any:
    return SimpleNamespace(timer=Timer(), event_dispatcher=Dispatcher(), connection=object(), heart=None)


@pytest.mark.parametrize("is_lost", [True, False])
def test_the_end_is_told_unless_the_connection_is_lost(consumer: Any, is_lost: bool) -> None:
    step = Heart(consumer)
    step.start(consumer)
    ((call, arguments),) = consumer.timer.entries
    call(*arguments)
    if is_lost:
        consumer.connection = None
    step.stop(consumer)
    step.stop(consumer)
    told = ["worker-online", "worker-heartbeat", *([] if is_lost else ["worker-offline"])]
    assert (consumer.event_dispatcher.sent, consumer.timer.entries) == (told, [])
    assert not consumer.event_dispatcher.retried
