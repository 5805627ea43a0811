"""What a type of registry is made of."""

from dataclasses import dataclass
from typing import NamedTuple

from worker.registries.logins import LoginOf, static_login


class Budget(NamedTuple):
    """What all workers together may ask of one host: requests a second, and requests at once."""

    per_second: float
    at_once: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of registry.

    ``budget_with_credential`` is for registries that count accounts apart. ``host`` is where the OCI API
    is, if not at the host that names the registry. ``login`` makes a login of a credential with a
    ``provider``.
    """

    budget: Budget
    budget_with_credential: Budget | None = None
    host: str | None = None
    login: LoginOf = static_login
