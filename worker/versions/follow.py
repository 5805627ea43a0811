"""Has the versions of new plugins fetched, without making their registration wait for the telling."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from contracts.plugin import PluginInfo

logger = logging.getLogger(__name__)

_AT_ONCE = 200
"""So many of the longest image names fit into one message."""

_LINGER_S = 0.05

Send = Callable[[Sequence[PluginInfo]], None]


class Follow:
    """Collects new plugins and hands them to ``send``, as many at a time as there are by then.

    A thread of its own does it, from the first one on. What a process takes with it when it is killed is
    found by the schedule, which goes through all plugins.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._new: SimpleQueue[PluginInfo | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, plugins: Sequence[PluginInfo]) -> None:
        """Tell of new plugins; returns at once."""
        for plugin in plugins:
            self._new.put(plugin)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="follow", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Hand over what is left, and end."""
        with self._lock:
            if self._thread is not None:
                self._new.put(None)
                self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            first = self._new.get()
            if first is None:
                return
            # A stream of registrations is told of in parts, not each by a message of its own.
            time.sleep(_LINGER_S)
            plugins, ended = self._others(first)
            try:
                self._send(plugins)
            except Exception:
                # The thread must outlive it; the schedule finds these plugins.
                logger.exception("the versions of %d new plugins are fetched later", len(plugins))
            if ended:
                return

    def _others(self, first: PluginInfo) -> tuple[list[PluginInfo], bool]:
        plugins = [first]
        while len(plugins) < _AT_ONCE:
            try:
                plugin = self._new.get_nowait()
            except Empty:
                break
            if plugin is None:
                return plugins, True
            plugins.append(plugin)
        return plugins, False
