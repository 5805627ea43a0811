"""Answering a registry's challenge: one exchange, one retry."""

import re
import threading
from typing import NamedTuple

from cachetools import LRUCache

from worker.domain.clock import Clock
from worker.domain.image import FetchFailed
from worker.registries.auth.challenge import Challenge, parse_challenge
from worker.registries.auth.logins import Login
from worker.registries.auth.tokens import TokenKey, Tokens
from worker.registries.http.failure import failure_of
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.session import Answer, RegistrySession, is_ok

_REPOSITORY = re.compile(r"/v2/(?P<name>[a-z0-9._/-]+)/tags/list(?:\?.*)?")
_KEPT = 2_000


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


class _Authorization(NamedTuple):
    """The value of an ``Authorization`` header. ``is_new``: made for this request, not kept from another."""

    header: str
    is_new: bool = True


class _FirstTry(NamedTuple):
    """How a page is asked for before its registry has demanded anything.

    ``challenge``: what the registry demanded last time; None: that is not known.
    ``authorization``: the answer to it, which is sent along; None: there is none.
    ``failure``: why there is none.
    """

    registry: Origin
    challenge: Challenge | None = None
    authorization: _Authorization | None = None
    failure: FetchFailed | None = None

    @property
    def header(self) -> str | None:
        return self.authorization.header if self.authorization else None

    def has_just_answered(self, registry: Origin, challenge: Challenge) -> bool:
        """Return whether a new answer to ``challenge`` would only repeat one that was in vain."""
        is_new = self.authorization is not None and self.authorization.is_new
        is_in_vain = is_new or self.failure is not None
        return is_in_vain and (registry, challenge) == (self.registry, self.challenge)


class Authorizer:
    """Asks registries with the authorization that they demand. For all threads.

    What a registry demanded is remembered for each account once the answer to it brought a list, so that the
    next image costs no refused request. The 2,000 demands used last are kept.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens = Tokens(clock)
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
        if answer.status == 401:
            answer = self._second_try(session, answer, account.at(answer.origin), first)
        if not is_ok(answer):
            raise failure_of(answer, self._clock.now().timestamp())
        return answer

    def _first_try(self, session: RegistrySession, url: str, account: Account) -> _FirstTry:
        """Answer the challenge of last time. If that is not possible any more, the registry is asked what it
        demands now, unless we are to wait.
        """
        challenge = self._recall(account)
        if challenge is None:
            return _FirstTry(account.home)
        try:
            authorization = self._authorize(session, url, challenge, account)
        except FetchFailed as failure:
            self._forget(account)
            if failure.reason == "throttled":
                raise
            return _FirstTry(account.home, challenge, failure=failure)
        return _FirstTry(account.home, challenge, authorization)

    def _second_try(
        self, session: RegistrySession, refused: Answer, account: Account, first: _FirstTry
    ) -> Answer:
        """Return the answer once the challenge of ``refused`` is met; ``refused`` if it cannot be met."""
        challenge = parse_challenge(refused.headers.get("WWW-Authenticate", ""))
        if challenge is None:
            return refused
        if first.has_just_answered(refused.origin, challenge):
            if first.failure is not None:
                raise first.failure
            return refused
        authorization = self._authorize(session, refused.url, challenge, account, renew=True)
        if authorization is None:
            return refused
        answer = session.get(refused.url, authorization.header)
        if is_ok(answer) and answer.origin == account.home:
            self._remember(account, challenge)
        return answer

    def _authorize(
        self,
        session: RegistrySession,
        url: str,
        challenge: Challenge,
        account: Account,
        *,
        renew: bool = False,
    ) -> _Authorization | None:
        """Return the answer to a challenge; None if there is none. ``renew``: do not take a kept token."""
        registry, path = parse_url(url)
        account = account.at(registry)
        if challenge.scheme == "basic":
            return _Authorization(account.login.basic) if account.login else None
        repository = _REPOSITORY.fullmatch(path)
        if repository is None:
            return None
        # The scope is ours and not the challenge's: a registry does not choose what our credentials open.
        scope = f"repository:{repository['name']}:pull"
        key = TokenKey(registry, challenge.service, challenge.realm, scope, account.credential)
        kept = None if renew else self._tokens.kept(key)
        if kept is not None:
            return _Authorization(f"Bearer {kept}", is_new=False)
        return _Authorization(f"Bearer {self._tokens.exchange(session, key, account.login)}")

    def _recall(self, account: Account) -> Challenge | None:
        with self._lock:
            return self._challenges.get((account.home, account.credential))

    def _remember(self, account: Account, challenge: Challenge) -> None:
        with self._lock:
            self._challenges[account.home, account.credential] = challenge

    def _forget(self, account: Account) -> None:
        with self._lock:
            self._challenges.pop((account.home, account.credential), None)
