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

    def take(self, part: Any) -> bool:
        """Whether there is room for ``part``, a JSON value; it is then taken up."""
        size = len(json.dumps(part)) + _BETWEEN
        if size > self._left:
            return False
        self._left -= size
        return True
