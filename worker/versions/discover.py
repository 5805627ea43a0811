"""Discovery: follow the images of plugins whose registration the subscription has not seen.

The event of a registration may be lost, and managed plugins come without any. So each tick goes through some
of the plugins, round and round, and has their images followed, spread over the starting interval.
"""

import threading

from worker.domain.clock import Clock
from worker.store.image_store import ImageStore

PLUGINS_A_STEP = 1_000


class Discovery:
    """Goes through the plugins, from the start in each process.

    ``plugins_a_step``: how many plugins a step looks at. Default: 1,000.
    """

    def __init__(self, store: ImageStore, clock: Clock, *, plugins_a_step: int = PLUGINS_A_STEP) -> None:
        self._store = store
        self._clock = clock
        self._plugins = plugins_a_step
        self._after = ""
        self._turn = threading.Lock()

    def step(self) -> int:
        """Look at the next plugins; return how many images are followed now that were not.

        Raises ``StoreUnavailable``.
        """
        with self._turn:
            refs, last = self._store.users.images_after(self._after, self._plugins)
            found = self._store.images.follow(refs, self._clock.now())
            self._after = last or ""
        return found
