"""The transport as kombu takes it: the channels, and the turns of the event loop that they need.

To use it, set ``broker_transport = "worker.transport.kombu:Transport"``, with a ``redis://`` or ``rediss://``
URL.
"""

# mypy: disallow-untyped-calls=False

import socket
import time
from contextlib import suppress
from typing import Any

from kombu.transport import redis as stock

from worker.transport.channel import RECHECK_S, Channel


class Poller(stock.MultiChannelPoller):
    """Runs the pumps in each turn of the event loop, and listens to their wakeups."""

    def __init__(self) -> None:
        super().__init__()
        self._watched: dict[int, Channel] = {}
        self._alarm: socket.socket | None = None
        self._button: socket.socket | None = None

    def listen(self) -> None:
        """Begin to hear ``wake``: what is written to one socket makes the other one readable."""
        self._alarm, self._button = socket.socketpair()
        self._alarm.setblocking(False)
        self._button.setblocking(False)

    def wake(self) -> None:
        """Make the event loop turn again at once."""
        if self._button is not None:
            # It is full if the loop is going to turn anyway.
            with suppress(BlockingIOError):
                self._button.send(b".")

    def close(self) -> None:
        super().close()
        if self._alarm is not None and self._button is not None:
            self._unregister_from_poll(self._alarm.fileno())
            self._alarm.close()
            self._button.close()
            self._alarm = self._button = None

    def on_poll_init(self, poller: Any) -> None:
        # The stock poller also gives back what is unacked of its own queues: this service has none.
        self.poller = poller

    def on_poll_start(self) -> None:
        super().on_poll_start()
        for channel in list(self._channels):
            channel.pump()
            descriptor = channel.watch.fileno() if channel.watch is not None else None
            if descriptor is not None and descriptor not in self._watched:
                self.forget_watch(channel)
                self._watched[descriptor] = channel
                self.poller.register(descriptor, self.eventflags)

    def forget_watch(self, channel: Channel) -> None:
        """Stop listening to the wakeup of ``channel``."""
        for descriptor in [fd for fd, owner in self._watched.items() if owner is channel]:
            del self._watched[descriptor]
            self._unregister_from_poll(descriptor)

    def on_readable(self, fileno: int) -> Any:
        if self._alarm is not None and fileno == self._alarm.fileno():
            with suppress(BlockingIOError):
                self._alarm.recv(4096)
            return None
        channel = self._watched.get(fileno)
        return channel.watch_read() if channel is not None else super().on_readable(fileno)

    def handle_event(self, fileno: int, event: int) -> Any:
        channel = self._watched.get(fileno)
        return channel.watch_read() if channel is not None else super().handle_event(fileno, event)

    @property
    def fds(self) -> dict[int, Any]:
        own = {fd: (channel, "WATCH") for fd, channel in self._watched.items()}
        alarm = {self._alarm.fileno(): (self, "ALARM")} if self._alarm is not None else {}
        return {**super().fds, **own, **alarm}


class Transport(stock.Transport):
    """kombu's transport, with ``Channel``."""

    Channel = Channel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loop: Any = None
        self._turn_at = 0.0
        self._poller = Poller()
        self.cycle = self._poller  # type: ignore[assignment]  # as kombu itself does

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        super().register_with_event_loop(connection, loop)
        self._poller.listen()
        self.loop = loop
        # The loop may otherwise sleep for ten seconds. Celery cancels this with the connection.
        loop.call_repeatedly(RECHECK_S / 2, _turn)

    def turn_now(self) -> None:
        """Make the event loop turn again without sleeping."""
        self._poller.wake()

    def turn_soon(self, after_s: float) -> None:
        """Make the event loop turn again after ``after_s``, if it does not anyway."""
        now = time.monotonic()
        if self.loop is not None and not now <= self._turn_at <= now + after_s:
            self._turn_at = now + after_s
            self.loop.call_later(after_s, _turn)


def _turn() -> None:
    """Do nothing: an entry on the timer is enough to make the event loop turn."""
