"""What many threads meet at is made once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from worker.services import once

THREADS = 16


class Shared:
    def __init__(self) -> None:
        self.made = 0
        self.barrier = threading.Barrier(THREADS)

    @once
    def thing(self) -> object:
        self.made += 1
        # Another thread that is let in is here by now.
        threading.Event().wait(0.05)
        return object()

    @once
    def around(self) -> tuple[object]:
        """Made of another one."""
        return (self.thing,)


def test_all_threads_get_the_one() -> None:
    shared = Shared()

    def look(number: int) -> object:
        shared.barrier.wait(30)
        return shared.around[0] if number % 2 else shared.thing

    with ThreadPoolExecutor(THREADS) as threads:
        found = set(threads.map(look, range(THREADS)))
    assert found == {shared.thing}
    assert shared.made == 1
