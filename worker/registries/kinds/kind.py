"""What a type of registry is made of."""

from dataclasses import dataclass

from worker.registries.auth.logins import LoginOf, static_login
from worker.registries.budget.limit import Limit


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of registry.

    ``limit`` is what all workers together may ask of one host, and ``limit_with_credential`` of an account
    where the registry counts accounts apart. ``host`` is where the OCI API is, if not at the host that names
    the registry. ``login`` makes a login of a credential with a ``provider``.
    """

    limit: Limit
    limit_with_credential: Limit | None = None
    host: str | None = None
    login: LoginOf = static_login
