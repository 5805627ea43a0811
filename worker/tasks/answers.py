"""The answer to a message, as Celery's Redis backend stores it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts import errors
from contracts.errors import ContractError

COUNTED_BYTES: Final = 4 * 1024
"""Above so many bytes an answer counts towards the budget: it may be much larger than what was asked."""

LARGE_BYTES: Final = 64 * 1024
"""Above so many bytes an answer is large: it is kept for a shorter time."""

ALONE_BYTES: Final = 512 * 1024
"""Above so many bytes an answer is stored alone, and not with others in one round trip."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a message. ``id``: what it is stored under; ``body``: what is stored."""

    id: str
    body: str

    @classmethod
    def success(cls, answer_id: str, result: str) -> "Answer":
        """Return the answer of a message with a result, which is JSON."""
        return cls._of(answer_id, "SUCCESS", result)

    @classmethod
    def failure(cls, answer_id: str, error: ContractError) -> "Answer":
        """Return the answer of a message that ended with an error of the contract."""
        # A caller takes no other class than those of the contract.
        kind = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        told = {"exc_type": kind.__name__, "exc_message": error.args, "exc_module": kind.__module__}
        return cls._of(answer_id, "FAILURE", json.dumps(told))

    @classmethod
    def _of(cls, answer_id: str, status: str, result: str) -> "Answer":
        done = datetime.now(UTC).isoformat()
        return cls(
            answer_id,
            f'{{"status":"{status}","result":{result},"traceback":null,"children":[],"date_done":"{done}",'
            f'"task_id":{json.dumps(answer_id)}}}',
        )

    @property
    def is_counted(self) -> bool:
        """Whether it has more than ``COUNTED_BYTES`` bytes."""
        return self._is_above(COUNTED_BYTES)

    @property
    def is_large(self) -> bool:
        """Whether it has more than ``LARGE_BYTES`` bytes."""
        return self._is_above(LARGE_BYTES)

    @property
    def is_alone(self) -> bool:
        """Whether it has more than ``ALONE_BYTES`` bytes."""
        return self._is_above(ALONE_BYTES)

    def _is_above(self, most: int) -> bool:
        count = len(self.body)
        return count > most or (count * 4 > most and len(self.body.encode()) > most)
