"""Answering a registry's challenge: one exchange, one retry, and tokens kept for what they were given for."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from time import time
from typing import NamedTuple
from urllib.parse import urlencode

from worker.domain.image import FetchFailed
from worker.registries.auth.challenge import Challenge, may_ask_for_token, parse_challenge
from worker.registries.auth.logins import Login
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.session import Answer, Conversation, is_ok
from worker.registries.tags.failure import failure_of

_REPOSITORY = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/tags/list(?:\?.*)?")
_SECRET = re.compile(r"[!-~]{1,60000}")
_DEFAULT_EXPIRY_S = 60.0
_LONGEST_EXPIRY_S = 43_200.0
_KEPT = 2_000


class Account(NamedTuple):
    """On whose behalf one registry is asked: the name of a credential, and its login; None for nobody.

    It is bound to that registry: wherever a redirect, a link or a realm may lead, ``at`` says who we are
    there, and nothing else turns an account into a header.
    """

    home: Origin
    credential: str | None = None
    login: Login | None = None

    def at(self, origin: Origin) -> "Account":
        """The account as ``origin`` may know it: at its own registry itself, nobody elsewhere."""
        return self if origin == self.home else Account(origin)


class _TokenKey(NamedTuple):
    registry: Origin
    service: str
    realm: str
    scope: str
    credential: str | None


class _Attempt(NamedTuple):
    """What was done about the challenge that is ``known`` of a registry before it was asked: made an
    authorization, perhaps a ``fresh`` one, or failed to.
    """

    origin: Origin
    known: Challenge | None = None
    authorization: str | None = None
    fresh: bool = False
    failure: FetchFailed | None = None

    def is_same(self, origin: Origin, challenge: Challenge) -> bool:
        """Whether to answer ``challenge`` would only do again what was just done in vain."""
        tried = self.fresh or self.failure is not None
        return tried and origin == self.origin and challenge == self.known


class Authorizer:
    """Asks registries with what they demand. For all threads; keeps the 2,000 tokens used last.

    What a registry demanded is remembered for each account once the answer to it brought a list, so that the
    next image costs no refused request.
    """

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: OrderedDict[_TokenKey, tuple[str, float]] = OrderedDict()
        self._challenges: OrderedDict[tuple[Origin, str | None], Challenge] = OrderedDict()

    def get(self, talk: Conversation, url: str, account: Account) -> Answer:
        """A page, with authorization where that is demanded. Raises ``FetchFailed`` unless it is a 200."""
        origin, _ = parse_url(url)
        account = account.at(origin)
        attempt = self._with_what_is_known(talk, url, account)
        answer = talk.get(url, attempt.authorization)
        if answer.status == 401:
            answer = self._authorized(talk, answer, account.at(answer.origin), attempt)
        if not is_ok(answer):
            raise failure_of(answer, self._clock())
        return answer

    def _authorized(self, talk: Conversation, refused: Answer, account: Account, before: _Attempt) -> Answer:
        """The answer once the challenge of ``refused`` is met, or ``refused`` where it cannot be."""
        challenge = parse_challenge(refused.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return refused
        if before.is_same(refused.origin, challenge):
            if before.failure is not None:
                raise before.failure
            return refused
        authorization, _ = self._authorization(talk, refused.url, challenge, account, renew=True)
        if authorization is None:
            return refused
        answer = talk.get(refused.url, authorization)
        if is_ok(answer) and answer.origin == account.home:
            self._remember(account, challenge)
        return answer

    def _with_what_is_known(self, talk: Conversation, url: str, account: Account) -> _Attempt:
        """The authorization that was right last time. Where it cannot be had any more, the registry is asked
        anew what it demands, at once unless we are to wait.
        """
        known = self._recall(account)
        if known is None:
            return _Attempt(account.home)
        try:
            authorization, fresh = self._authorization(talk, url, known, account)
        except FetchFailed as failure:
            self._forget(account)
            if failure.reason == "throttled":
                raise
            return _Attempt(account.home, known, failure=failure)
        return _Attempt(account.home, known, authorization, fresh)

    def _recall(self, account: Account) -> Challenge | None:
        with self._lock:
            return self._challenges.get((account.home, account.credential))

    def _remember(self, account: Account, challenge: Challenge) -> None:
        with self._lock:
            self._challenges[(account.home, account.credential)] = challenge
            while len(self._challenges) > _KEPT:
                self._challenges.popitem(last=False)

    def _forget(self, account: Account) -> None:
        with self._lock:
            self._challenges.pop((account.home, account.credential), None)

    def _authorization(
        self, talk: Conversation, url: str, challenge: Challenge, account: Account, *, renew: bool = False
    ) -> tuple[str | None, bool]:
        """The value of the header, None if there is none to give; and whether it was made just now."""
        registry, path = parse_url(url)
        account = account.at(registry)
        if challenge.scheme == "basic":
            return (account.login.basic, True) if account.login else (None, False)
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
