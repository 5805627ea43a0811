"""How large an answer may be."""

import json
from typing import Any

from contracts.values import MAX_ANSWER_BYTES

_BETWEEN = len(", ")


class Room:
    """What is left of ``MAX_ANSWER_BYTES`` while an answer is put together, part by part.

    Counted as the answer is sent: JSON in ASCII, where a character may take six or twelve bytes.
    """

    def __init__(self) -> None:
        self._left = MAX_ANSWER_BYTES
        self._unmeasured: list[Any] = []
        self._bound = 0

    def take(self, part: Any, at_most: int | None = None) -> bool:
        """Whether there is room for ``part``, a JSON value; it is then taken up.

        ``at_most`` is a size that it surely does not exceed, where one is known without measuring: as long as
        those fit, which is nearly always, nothing is measured.
        """
        if at_most is not None and self._bound + at_most <= self._left:
            self._bound += at_most
            self._unmeasured.append(part)
            return True
        self._left -= sum(map(_size, self._unmeasured))
        self._unmeasured.clear()
        self._bound = 0
        size = _size(part)
        if size > self._left:
            return False
        self._left -= size
        return True


def _size(part: Any) -> int:
    return len(json.dumps(part)) + _BETWEEN
