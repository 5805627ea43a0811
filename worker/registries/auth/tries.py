"""What was tried to have a page, and was in vain."""

from dataclasses import dataclass
from typing import NamedTuple

from worker.domain.image import FetchFailed
from worker.registries.auth.challenge import Challenge, parse_challenges
from worker.registries.http.origin import Origin
from worker.registries.http.session import Answer


class Authorization(NamedTuple):
    """The value of an ``Authorization`` header. ``is_new``: made for this request, not kept from another."""

    header: str
    is_new: bool = True


class FirstTry(NamedTuple):
    """How a page is asked for before its registry has demanded anything.

    ``challenge``: what the registry demanded last time; None: that is not known.
    ``authorization``: the answer to it, which is sent along; None: there is none.
    ``failure``: why there is none.
    """

    registry: Origin
    challenge: Challenge | None = None
    authorization: Authorization | None = None
    failure: FetchFailed | None = None

    @property
    def header(self) -> str | None:
        return self.authorization.header if self.authorization else None

    def is_outdated(self, refused: Answer) -> bool:
        """Return whether a kept token was sent, and something else is demanded than the last time."""
        is_kept = self.authorization is not None and not self.authorization.is_new
        return is_kept and self.challenge not in demanded(refused)


@dataclass(slots=True)
class Tried:
    """What was in vain for a page so far.

    ``token``: the header with a new token, which answers ``challenge`` of the registry ``at``.
    ``failure``: why there was none. ``is_renewed``: a token was exchanged since the page was refused.
    ``is_repeated``: the token was sent a second time. ``is_basic``: the login was sent.
    """

    at: Origin
    challenge: Challenge | None = None
    token: str | None = None
    failure: FetchFailed | None = None
    is_renewed: bool = False
    is_repeated: bool = False
    is_basic: bool = False

    @classmethod
    def of(cls, first: FirstTry) -> "Tried":
        tried = cls(first.registry, first.challenge, failure=first.failure)
        if first.authorization is not None and first.authorization.is_new and first.challenge is not None:
            tried.is_basic = first.challenge.scheme == "basic"
            tried.token = None if tried.is_basic else first.header
        return tried

    def is_answered(self, registry: Origin, challenge: Challenge) -> bool:
        """Return whether the token, or the failure to have one, is for this challenge."""
        return (registry, challenge) == (self.at, self.challenge)


def demanded(refused: Answer) -> list[Challenge]:
    """Return the challenges of a refusal that can be answered."""
    return parse_challenges(refused.headers.get("WWW-Authenticate", ""))
