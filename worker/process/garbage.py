"""How often a worker looks for garbage."""

import gc


def collect_less_garbage() -> None:
    """Leave what was made at the start out of the garbage collection, and let that wait for more.

    A group makes some ten thousand objects that live as long as it does, and nearly no cycles: by default a
    third of the processor time goes into looking for them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
