"""Answering a registry's challenge: one exchange, one retry, and tokens kept for what they were given for."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import time
from typing import NamedTuple
from urllib.parse import urlencode

from worker.domain.images import FetchFailed
from worker.registries.challenge import Challenge, may_ask_for_token, parse_challenge
from worker.registries.conversation import Answer, Conversation, is_ok
from worker.registries.failure import failure_of
from worker.registries.logins import Login
from worker.registries.origin import Origin, parse_url

_REPOSITORY = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/tags/list(?:\?.*)?")
_SECRET = re.compile(r"[!-~]{1,60000}")
_DEFAULT_EXPIRY_S = 60.0
_LONGEST_EXPIRY_S = 43_200.0
_KEPT = 2_000


class Account(NamedTuple):
    """On whose behalf a registry is asked: the name of a credential, and its login; both None for nobody."""

    credential: str | None = None
    login: Login | None = None


class _TokenKey(NamedTuple):
    registry: Origin
    service: str
    realm: str
    scope: str
    credential: str | None


class Authorizer:
    """Asks registries with what they demand. For all threads; keeps the 2,000 tokens used last.

    What a host demanded last is remembered for each account, so that the next image costs no refused request.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: OrderedDict[_TokenKey, tuple[str, float]] = OrderedDict()
        self._challenges: OrderedDict[tuple[Origin, str | None], Challenge] = OrderedDict()

    def get(self, talk: Conversation, url: str, account: Account) -> Answer:
        """A page, with authorization where that is demanded. Raises ``FetchFailed`` unless it is a 200.

        The account is for the host of ``url`` alone: whoever that host redirects to is asked as nobody.
        """
        home, _ = parse_url(url)
        authorization, fresh = None, False
        known = self._recall(home, account)
        if known is not None:
            authorization, fresh = self._authorization(talk, url, known, account)
        answer = talk.get(url, authorization)
        if answer.status == 401:
            at_home = answer.origin == home
            account = account if at_home else Account()
            challenge = parse_challenge(answer.headers.get("WWW-Authenticate", ""))
            if challenge is None or (at_home and fresh and challenge == known):
                raise failure_of(answer, self._clock())
            self._remember(answer.origin, account, challenge)
            authorization, _ = self._authorization(talk, answer.url, challenge, account, renew=True)
            if authorization is None:
                raise failure_of(answer, self._clock())
            answer = talk.get(answer.url, authorization)
        if not is_ok(answer):
            raise failure_of(answer, self._clock())
        return answer

    def _recall(self, registry: Origin, account: Account) -> Challenge | None:
        with self._lock:
            return self._challenges.get((registry, account.credential))

    def _remember(self, registry: Origin, account: Account, challenge: Challenge) -> None:
        with self._lock:
            self._challenges[(registry, account.credential)] = challenge
            while len(self._challenges) > _KEPT:
                self._challenges.popitem(last=False)

    def _authorization(
        self, talk: Conversation, url: str, challenge: Challenge, account: Account, *, renew: bool = False
    ) -> tuple[str | None, bool]:
        """The value of the header, None if there is none to give; and whether it was made just now."""
        if challenge.scheme == "basic":
            return (account.login.basic, True) if account.login else (None, False)
        registry, path = parse_url(url)
        name = _REPOSITORY.fullmatch(path)
        if name is None:
            return None, False
        # The scope is ours and not the challenge's: a registry does not choose what our credentials open.
        scope = f"repository:{name['name']}:pull"
        key = _TokenKey(registry, challenge.service, challenge.realm, scope, account.credential)
        token = None if renew else self._token(key)
        if token is not None:
            return f"Bearer {token}", False
        return f"Bearer {self._exchange(talk, key, account)}", True

    def _token(self, key: _TokenKey) -> str | None:
        with self._lock:
            kept = self._tokens.get(key)
            if kept is None or kept[1] <= self._clock():
                return None
            self._tokens.move_to_end(key)
            return kept[0]

    def _exchange(self, talk: Conversation, key: _TokenKey, account: Account) -> str:
        try:
            realm, path = parse_url(key.realm)
        except ValueError:
            raise FetchFailed("refused", detail="a token realm that may not be asked") from None
        if not may_ask_for_token(key.registry, realm):
            raise FetchFailed("refused", detail="a token realm that may not be asked")
        query = urlencode([*([("service", key.service)] if key.service else []), ("scope", key.scope)])
        url = f"{realm}{path}{'&' if '?' in path else '?'}{query}"
        answer = talk.get(url, account.login.basic if account.login else None, limit=talk.caps.token_bytes)
        if not is_ok(answer):
            raise failure_of(answer, self._clock(), not_found="auth_failed")
        token, lasts_s = _read_token(answer.body)
        with self._lock:
            self._tokens[key] = (token, self._clock() + lasts_s * 0.9)
            self._tokens.move_to_end(key)
            while len(self._tokens) > _KEPT:
                self._tokens.popitem(last=False)
        return token


def _read_token(body: bytes) -> tuple[str, float]:
    try:
        document = json.loads(body)
        token = document.get("token") or document.get("access_token")
        expiry = document.get("expires_in")
    except (ValueError, RecursionError, AttributeError):
        raise FetchFailed("unavailable", detail="an answer that is no token") from None
    if not isinstance(token, str) or not _SECRET.fullmatch(token):
        raise FetchFailed("unavailable", detail="an answer that is no token")
    if isinstance(expiry, bool) or not isinstance(expiry, int | float) or not expiry > 0:
        expiry = _DEFAULT_EXPIRY_S
    return token, float(min(expiry, _LONGEST_EXPIRY_S))
