"""In what state a server is that cannot be used: one set of words for log, doctor and callers."""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["away", "no_right", "wrong_login", "full", "read_only"]
"""``away``: it does not answer. ``no_right``: it refuses this user a command or a key. ``wrong_login``: it
refuses the user or the password. ``full``: no memory, or no disk, is left. ``read_only``: it takes no writes.
"""

UNREACHED: Final = (
    (r"[Cc]onnection refused", "connection refused"),
    (r"not known|No address associated|name resolution|does not exist", "its name is not known"),
    (r"[Hh]ostname mismatch|IP address mismatch", "its certificate is of another host"),
    (r"certificate has expired", "its certificate has expired"),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed", "its certificate is not trusted"),
    (r"certificate|SSL|TLS", "no TLS connection"),
    (r"No route|unreachable", "no way to its host"),
)
"""What the text of an error says of the way to a server: patterns, and the words for people."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why a server cannot be used now. ``text``: one sentence. ``advice``: what to do about it. Default:
    nothing.
    """

    state: State
    text: str
    advice: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether it refuses this user: that does not end by itself."""
        return self.state in ("no_right", "wrong_login")
