"""Answering what a registry demands: each scheme once, and a new token once more."""

import re
import threading

from cachetools import LRUCache

from worker.domain.clock import Clock
from worker.domain.image import FetchFailed
from worker.registries.auth.account import Account
from worker.registries.auth.challenge import Challenge
from worker.registries.auth.realms import Realms
from worker.registries.auth.tokens import TokenKey, Tokens
from worker.registries.auth.tries import Authorization, FirstTry, Tried, demanded
from worker.registries.http.failure import failure_of
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.session import Answer, RegistrySession, is_ok

_REPOSITORY = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/tags/list(?:\?.*)?")
_KEPT = 2_000

# Bearer, the same token again, Basic.
_ATTEMPTS = 3

# Some token services tell their registries of a token a little later than us.
_KNOWN_AFTER_S = 1.0


class Authorizer:
    """Asks registries with the authorization that they demand. For all threads.

    What a registry demanded is remembered for each account once the answer to it brought a list, so that the
    next image costs no refused request. The 2,000 demands used last are kept.

    ``realms``: where tokens may be asked for; None: at known places and at the registry's owner.
    """

    def __init__(self, clock: Clock, realms: Realms | None = None) -> None:
        self._clock = clock
        self._tokens = Tokens(clock, realms or Realms())
        self._lock = threading.Lock()
        self._challenges: LRUCache[tuple[Origin, str | None], Challenge] = LRUCache(_KEPT)

    def get(self, session: RegistrySession, url: str, account: Account) -> Answer:
        """Return a page, asked for with authorization if that is demanded.

        Raises: ``FetchFailed`` unless the answer is a 200.
        """
        origin, _ = parse_url(url)
        account = account.at(origin)
        first = self._first_try(session, url, account)
        answer = session.get(url, first.header)
        if answer.status == 401 and first.is_outdated(answer):
            # What is demanded of an old token may be of no use to whoever has none.
            answer = session.get(url)
        if answer.status == 401:
            answer = self._meet(session, answer, account, Tried.of(first))
        if not is_ok(answer):
            raise failure_of(answer, self._clock.now().timestamp())
        return answer

    def _first_try(self, session: RegistrySession, url: str, account: Account) -> FirstTry:
        """Answer the challenge of last time. If that is not possible any more, the registry is asked what it
        demands now, unless we are to wait.
        """
        challenge = self._recall(account)
        if challenge is None:
            return FirstTry(account.home)
        try:
            authorization = self._authorize(session, url, challenge, account)
        except FetchFailed as failure:
            self._forget(account)
            if failure.reason == "throttled":
                raise
            return FirstTry(account.home, challenge, failure=failure)
        return FirstTry(account.home, challenge, authorization)

    def _meet(self, session: RegistrySession, refused: Answer, account: Account, tried: Tried) -> Answer:
        """Return the answer once what is demanded is met; the last refusal if it cannot be met."""
        answer = refused
        for _ in range(_ATTEMPTS):
            account = account.at(answer.origin)
            attempt = self._next(session, answer, account, tried)
            if attempt is None:
                break
            challenge, header = attempt
            answer = session.get(answer.url, header)
            if answer.status != 401:
                if is_ok(answer) and answer.origin == account.home:
                    self._remember(account, challenge)
                break
        return answer

    def _next(
        self, session: RegistrySession, refused: Answer, account: Account, tried: Tried
    ) -> tuple[Challenge, str] | None:
        """Return a challenge of ``refused`` and the answer to it; None if there is none that is not in vain.

        Raises: ``FetchFailed`` if there is no other way than a token, and none is to be had.
        """
        failure: FetchFailed | None = None
        for challenge in demanded(refused):
            try:
                header = self._answer_once(session, refused, challenge, account, tried)
            except FetchFailed as failed:
                # Where nothing was sent, the login is not spent: too many that are refused lock an account.
                if failed.reason not in ("not_allowed", "malformed"):
                    raise
                failure = failed
                continue
            if header is not None:
                return challenge, header
        if failure is not None:
            raise failure
        return None

    def _answer_once(
        self,
        session: RegistrySession,
        refused: Answer,
        challenge: Challenge,
        account: Account,
        tried: Tried,
    ) -> str | None:
        """Return an answer to a challenge that was not tried yet; None if there is none."""
        registry = refused.origin
        if challenge.scheme == "basic":
            if tried.is_basic:
                return None
            tried.is_basic = True
            return account.login.basic if account.login else None
        is_answered = tried.is_answered(registry, challenge)
        if is_answered and tried.failure is not None:
            raise tried.failure
        if not tried.is_renewed and not (is_answered and tried.token):
            tried.is_renewed, tried.at, tried.challenge = True, registry, challenge
            made = self._authorize(session, refused.url, challenge, account, renew=True)
            tried.token = made.header if made else None
            return tried.token
        if tried.is_repeated or not is_answered or challenge.error == "insufficient_scope":
            return None
        tried.is_repeated = True
        self._clock.sleep(_KNOWN_AFTER_S)
        return tried.token

    def _authorize(
        self,
        session: RegistrySession,
        url: str,
        challenge: Challenge,
        account: Account,
        *,
        renew: bool = False,
    ) -> Authorization | None:
        """Return the answer to a challenge; None if there is none. ``renew``: do not take a kept token."""
        registry, path = parse_url(url)
        account = account.at(registry)
        if challenge.scheme == "basic":
            return Authorization(account.login.basic) if account.login else None
        repository = _REPOSITORY.fullmatch(path)
        if repository is None:
            return None
        # The scope is ours and not the challenge's: a registry does not choose what our credentials open.
        scope = f"repository:{repository['name']}:pull"
        key = TokenKey(registry, challenge.service, challenge.realm, scope, account.credential)
        kept = None if renew else self._tokens.kept(key)
        if kept is not None:
            return Authorization(f"Bearer {kept}", is_new=False)
        return Authorization(f"Bearer {self._tokens.exchange(session, key, account.login)}")

    def _recall(self, account: Account) -> Challenge | None:
        with self._lock:
            return self._challenges.get((account.home, account.credential))

    def _remember(self, account: Account, challenge: Challenge) -> None:
        with self._lock:
            self._challenges[account.home, account.credential] = challenge

    def _forget(self, account: Account) -> None:
        with self._lock:
            self._challenges.pop((account.home, account.credential), None)
