"""The terms on which a read is answered."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """What its message says of a read, beside the command.

    ``own_only``: remote repositories are not in reach, as when another deployment asks; default False.
    ``spent_s``: how much of a query's time limit is gone already, in seconds, default 0.
    """

    own_only: bool = False
    spent_s: float = 0.0
