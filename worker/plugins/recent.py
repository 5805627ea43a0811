"""The records that this owner of a partition wrote last, or is about to write."""

import threading
from dataclasses import replace

from cachetools import LRUCache

from worker.domain.record import Record

MAX_BYTES = 8 * 1024 * 1024
"""The most that is remembered, in bytes: 1 KiB and the outbox of each record, or 16 times a large one."""

_LARGE = 64 * 1024
_IN_MEMORY = 16
"""How many times its text a large plugin may take in memory."""


class RecentRecords:
    """Remembers what was decided under one epoch, so that the next command need not read it.

    A remembered record may be wrong: its write may miss, or another process may have changed it since. So it
    serves for writes alone, whose guard finds out.

    ``generation``: grows when a remembered record proves wrong: what was decided in an earlier generation is
    to be decided again.
    """

    def __init__(self) -> None:
        self._records: LRUCache[str, Record] = LRUCache(MAX_BYTES, getsizeof=_size)
        self._epoch = 0
        self._lock = threading.Lock()
        self.generation = 0

    def recall(self, key: str, epoch: int) -> Record | None:
        """Return the record that was decided last under ``epoch``, if it is remembered."""
        with self._lock:
            return self._records.get(key) if epoch == self._epoch else None

    def remember(self, record: Record, epoch: int, generation: int) -> None:
        """Remember a record as it will be after a write under ``epoch``.

        ``generation``: the one in which it was decided; if it is over, nothing is remembered.
        """
        with self._lock:
            if generation != self.generation:
                return
            if epoch != self._epoch:
                self._records.clear()
                self._epoch = epoch
            if record.fence > epoch:
                # It counted as none, and is overwritten by the write.
                record = replace(record, fence=epoch)
            try:
                self._records[record.key] = record
            except ValueError:
                # It is larger than the whole cache. What was remembered before it holds no longer.
                self._records.pop(record.key, None)

    def clear(self) -> None:
        """Forget every record, and begin another generation: one of them proved wrong."""
        with self._lock:
            self._records.clear()
            self.generation += 1


def _size(record: Record) -> int:
    size = sum(entry.size for entry in record.outbox)
    return 1024 + (size if size < _LARGE else _IN_MEMORY * size)
