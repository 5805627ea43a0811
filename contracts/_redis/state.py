"""In what state a server is that cannot be used: one set of words for log, doctor and callers."""

from dataclasses import dataclass
from typing import Literal

State = Literal["away", "no_right", "wrong_login", "full", "read_only"]
"""``away``: it does not answer. ``no_right``: it refuses this user a command or a key. ``wrong_login``: it
refuses the user or the password. ``full``: no memory, or no disk, is left. ``read_only``: it takes no writes.
"""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why a server cannot be used now. ``text``: one sentence. ``advice``: what to do about it."""

    state: State
    text: str
    advice: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether it refuses this user: that does not end by itself."""
        return self.state in ("no_right", "wrong_login")
