"""A host that can fall silent: a relay on the loopback interface, in front of a server.

While it is silent, connections stay open and nothing comes through: no answer, no end, no reset. A connection of
that time or before is dead for ever, as one to a host that another has replaced; new ones work again.
"""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from tests.support.ports import free_port

_CHUNK = 65_536


class SilentHost:
    """Relays `port` to the port `target` of this machine."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="silent-host", daemon=True)
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=1)
        self._listener.setblocking(False)
        self._accepting: asyncio.Task[None] | None = None
        self._relaying: set[asyncio.Task[None]] = set()
        self._held: list[socket.socket] = []
        self._queued: list[socket.socket] = []
        self._silent = False

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._accept_again())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, database: int = 0) -> str:
        """The URL of the Redis behind it."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def fall_silent(self, accepts: bool = True) -> None:
        """Let nothing through; `accepts`: new connections are taken, and get no answer, else not even that."""
        self._do(self._fall_silent(accepts))

    def come_back(self) -> None:
        """Relay new connections."""
        self._do(self._come_back())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _fall_silent(self, accepts: bool) -> None:
        self._silent = True
        for relaying in self._relaying:
            relaying.cancel()
        if not accepts and self._accepting is not None:
            self._accepting.cancel()
            # The kernel answers for a listener until its queue is full.
            while await self._queue_one():
                pass

    async def _queue_one(self) -> bool:
        waiting = socket.socket()
        waiting.setblocking(False)
        self._queued.append(waiting)
        try:
            await asyncio.wait_for(self._loop.sock_connect(waiting, ("127.0.0.1", self.port)), 0.2)
        except TimeoutError:
            return False
        return True

    async def _come_back(self) -> None:
        self._silent = False
        for waiting in self._queued:
            waiting.close()
        self._queued.clear()
        await self._accept_again()

    async def _accept_again(self) -> None:
        if self._accepting is None or self._accepting.done() or self._accepting.cancelling():
            self._accepting = self._loop.create_task(self._accept())

    async def _accept(self) -> None:
        while True:
            near, _ = await self._loop.sock_accept(self._listener)
            self._held.append(near)
            if not self._silent:
                relaying = self._loop.create_task(self._relay(near))
                self._relaying.add(relaying)
                relaying.add_done_callback(self._relaying.discard)

    async def _relay(self, near: socket.socket) -> None:
        far = socket.socket()
        self._held.append(far)
        far.setblocking(False)
        near.setblocking(False)
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            await self._loop.sock_connect(far, ("127.0.0.1", self._target))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(near, far))
                both.create_task(self._pass_on(far, near))
        # Not after a cancellation: what fell silent stays open.
        for end in (near, far):
            self._held.remove(end)
            end.close()

    async def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := await self._loop.sock_recv(source, _CHUNK):
                await self._loop.sock_sendall(sink, piece)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    async def _end(self) -> None:
        tasks = [*self._relaying, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in (*self._held, *self._queued, self._listener):
            end.close()
