"""Who asks a registry."""

from typing import NamedTuple

from worker.registries.auth.logins import Login
from worker.registries.http.origin import Origin


class Account(NamedTuple):
    """Who asks one registry.

    It is bound to that registry: wherever a redirect, a link or a realm may lead, ``at`` says who we are
    there, and nothing else turns an account into a header.

    ``home``: the registry. ``credential``: the name of a credential; None: nobody. ``login``: its login.
    """

    home: Origin
    credential: str | None = None
    login: Login | None = None

    def at(self, origin: Origin) -> "Account":
        """Return the account as ``origin`` may know it: itself at its own registry, nobody elsewhere."""
        return self if origin == self.home else Account(origin)
