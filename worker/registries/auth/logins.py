"""The user name and password that a registry takes, made of a credential."""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from worker.domain.clock import Clock
from worker.registries.auth.credentials import Credential, CredentialError

# A cloud's token is given up this long before it ends, so that no page of a listing meets its end.
_MARGIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and password. ``expires``: unix time in seconds; None: it does not end."""

    username: str
    password: str = field(repr=False)
    expires: float | None = None

    @property
    def basic(self) -> str:
        """Return the value of an ``Authorization`` header."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


LoginOf = Callable[[Credential, str], Login]
"""``(credential, host) -> Login``. Raises ``CredentialError``, or ``FetchFailed`` if its cloud is away."""


def static_login(credential: Credential, _host: str) -> Login:
    """Return the user name and password that a credential names.

    Raises: ``CredentialError`` if it names a provider, or its secret cannot be read.
    """
    if credential.provider is not None:
        raise CredentialError(credential.name, "provider does not fit this type of registry")
    return Login(credential.username, credential.password())


class Logins:
    """The logins that clouds give for some hours, each kept until shortly before it ends. For all threads.

    A thread that waits for a cloud holds up only the threads that want the same login. There are no more
    logins than credentials with hosts, so none has to go.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], Login] = {}
        self._asking: dict[tuple[str, str], threading.Lock] = {}

    def get(self, login_of: LoginOf, credential: Credential, host: str) -> Login:
        """Return the login of a credential for a host. Raises what ``login_of`` raises."""
        if credential.provider is None:
            return static_login(credential, host)
        key = (credential.name, host)
        with self._asking.setdefault(key, threading.Lock()):
            kept, now = self._kept.get(key), self._clock.now().timestamp()
            if kept is None or kept.expires is None or kept.expires - _MARGIN_S <= now:
                kept = self._kept[key] = login_of(credential, host)
            return kept
