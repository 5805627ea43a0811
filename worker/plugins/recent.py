"""The records that this owner of a partition wrote last."""

from cachetools import LRUCache

from worker.domain.record import Record

MAX_BYTES = 8 * 1024 * 1024
"""How much is remembered, in bytes of the events that were made of it."""


class RecentRecords:
    """Remembers what was written under one epoch, so that the next command need not read it.

    A remembered record may be old: another process may have changed it. So it serves for writes alone, whose
    guard decides whether it was still so.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._records: LRUCache[str, Record] = LRUCache(max_bytes, getsizeof=_size)
        self._epoch = 0

    def recall(self, key: str, epoch: int) -> Record | None:
        """Return the record that was written last under ``epoch``, if it is remembered."""
        return self._records.get(key) if epoch == self._epoch else None

    def remember(self, record: Record, epoch: int) -> None:
        """Remember a record as it was just written under ``epoch``."""
        if epoch != self._epoch:
            self._records.clear()
            self._epoch = epoch
        try:
            self._records[record.key] = record
        except ValueError:
            # It alone is larger than all that may be remembered.
            self._records.pop(record.key, None)

    def forget(self, key: str) -> None:
        """Forget a record: what was remembered is not so any more."""
        self._records.pop(key, None)


def _size(record: Record) -> int:
    return 1024 + sum(entry.size for entry in record.outbox)
