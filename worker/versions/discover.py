"""Adopt: follow the images of plugins that nothing was told about.

Word of a new plugin may be lost, and managed plugins come without any. So the plugins are gone through,
some at each tick and round again, and images that no document follows are taken up, spread over the
starting interval.
"""

import threading
from collections.abc import Callable
from datetime import datetime

from worker.store.images import Images

PLUGINS_A_STEP = 1_000


class Adopt:
    """Goes through the plugins, from the start again in each process. ``clock`` gives the time in UTC."""

    def __init__(
        self, images: Images, clock: Callable[[], datetime], *, plugins_a_step: int = PLUGINS_A_STEP
    ) -> None:
        self._images = images
        self._clock = clock
        self._plugins = plugins_a_step
        self._after = ""
        self._turn = threading.Lock()

    def step(self) -> int:
        """Look at the next plugins; how many images were taken up. Raises ``StoreUnavailable``."""
        with self._turn:
            refs, last = self._images.used_after(self._after, self._plugins)
            taken = self._images.follow(refs, self._clock())
            self._after = last or ""
        return taken
