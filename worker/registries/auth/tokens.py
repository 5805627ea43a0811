"""The Bearer tokens of registries: one exchange for each, kept for what it was given for."""

import json
import re
import threading
from typing import NamedTuple
from urllib.parse import urlencode

from cachetools import TLRUCache

from worker.domain.clock import Clock
from worker.domain.image import FetchFailed
from worker.registries.auth.logins import Login
from worker.registries.auth.realms import Realms
from worker.registries.http.failure import failure_of
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.session import RegistrySession, is_ok

_SECRET = re.compile(r"[!-~]{1,60000}")
_DEFAULT_EXPIRY_S = 60.0
_LONGEST_EXPIRY_S = 43_200.0
_KEPT = 2_000


class TokenKey(NamedTuple):
    """What a token is given for. ``credential``: the name of the account's credential; None: nobody's."""

    registry: Origin
    service: str
    realm: str
    scope: str
    credential: str | None


class _Token(NamedTuple):
    text: str
    lasts_s: float


class Tokens:
    """The 2,000 tokens used last, each until a tenth of its time is left. For all threads.

    ``realms``: where they may be asked for.
    """

    def __init__(self, clock: Clock, realms: Realms) -> None:
        self._realms = realms
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: TLRUCache[TokenKey, _Token] = TLRUCache(
            _KEPT, ttu=lambda key, token, now: now + token.lasts_s * 0.9, timer=self._now
        )

    def kept(self, key: TokenKey) -> str | None:
        """Return the token that was given earlier, or None."""
        with self._lock:
            token = self._kept.get(key)
            return token and token.text

    def exchange(self, session: RegistrySession, key: TokenKey, login: Login | None) -> str:
        """Ask the realm for a new token, and keep it.

        Raises: ``FetchFailed``: ``not_allowed`` if the realm is not one that this registry may name. It has
        no query: a scope there would be granted beside ours.
        """
        realm, path = self._realm(key)
        query = urlencode([*([("service", key.service)] if key.service else []), ("scope", key.scope)])
        url = f"{realm}{path}?{query}"
        answer = session.get(url, login.basic if login else None, limit=session.caps.token_bytes)
        if not is_ok(answer):
            raise failure_of(answer, self._now(), not_found="auth")
        token = _read_token(answer.body)
        with self._lock:
            self._kept[key] = token
        return token.text

    def _realm(self, key: TokenKey) -> tuple[Origin, str]:
        if not key.realm:
            raise FetchFailed(
                "malformed", detail=f"{key.registry.authority} demands a token and names no realm"
            )
        try:
            realm, path = parse_url(key.realm)
        except ValueError:
            realm, path = None, "?"
        if realm is None or "?" in path:
            what = "is not a plain http or https URL without user, query and fragment"
            raise FetchFailed("not_allowed", detail=f"the token realm of {key.registry.authority} {what}")
        refusal = self._realms.refusal(key.registry, realm)
        if refusal is not None:
            raise FetchFailed("not_allowed", detail=refusal)
        return realm, path

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _read_token(body: bytes) -> _Token:
    try:
        document = json.loads(body)
        token = document.get("token") or document.get("access_token")
        expiry = document.get("expires_in")
    except (ValueError, RecursionError, AttributeError):
        raise FetchFailed("malformed", detail="an answer that is not a token") from None
    if not isinstance(token, str) or not _SECRET.fullmatch(token):
        raise FetchFailed("malformed", detail="an answer that is not a token")
    if isinstance(expiry, bool) or not isinstance(expiry, int | float) or not expiry > 0:
        expiry = _DEFAULT_EXPIRY_S
    return _Token(token, float(min(expiry, _LONGEST_EXPIRY_S)))
