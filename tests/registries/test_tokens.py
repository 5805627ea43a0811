"""Given a registry that demands authorization, then one exchange, one retry, and no more than it needs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.registries.conftest import SECRET, requests_for
from tests.registries.double import Double, Handler, demands, says
from tests.support.clock import FakeClock
from worker.domain.image import FetchFailed, ImageRef
from worker.registries import Credentials
from worker.registries.registries import Registries

Make = Callable[..., Registries]
Oci = Callable[..., ImageRef]


class TokenRegistry:
    """Makes a double demand a token a repository, and hand tokens out; ``refuse``: it is never content."""

    def __init__(self, double: Double, expires_in: object = 300, key: str = "token") -> None:
        self.double, self.refuse = double, False
        self.valid: set[str] = set()
        self.expires_in, self.key, self.realm = expires_in, key, "/token"
        double.before = self.before
        double.tags |= {"app": ["1.0"], "team/other": ["2.0"]}

    def before(self, handler: Handler) -> bool:
        asked = handler.asked
        if asked.path == "/token":
            token = f"token-{len(self.valid)}-{asked.query['scope']}"
            self.valid.add(token)
            body = {self.key: token} | ({"expires_in": self.expires_in} if self.expires_in else {})
            handler.reply(200, body)
            return True
        if (asked.authorization or "").removeprefix("Bearer ") in self.valid and not self.refuse:
            return False
        challenge = (
            f'Bearer realm="{self.double.url}{self.realm}",service="the registry",scope="repository:*:push"'
        )
        handler.reply(401, b"", {"WWW-Authenticate": challenge})
        return True

    @property
    def exchanges(self) -> int:
        return sum(asked.path == "/token" for asked in self.double.asked)


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_the_token_is_asked_for_the_repository_and_to_pull(
    double: Double, registries: Make, oci: Oci, key: str
) -> None:
    TokenRegistry(double, key=key)
    listed = registries(f"http://{double.authority}").fetch(oci(double.authority, "team/other"))
    assert (listed.tags, len(double.asked)) == (("2.0",), 3)
    token = next(asked for asked in double.asked if asked.path == "/token")
    assert token.query == {"service": "the registry", "scope": "repository:team/other:pull"}
    assert token.authorization is None


def test_a_token_is_used_again_and_for_its_image_only(double: Double, registries: Make, oci: Oci) -> None:
    server = TokenRegistry(double)
    made = registries(f"http://{double.authority}")
    names = ("app", "app", "team/other", "app")
    requests = [requests_for(made, oci(double.authority, name)) for name in names]
    assert requests == [3, 1, 2, 1]
    assert server.exchanges == 2


def test_pages_share_a_token(double: Double, registries: Make, oci: Oci) -> None:
    server = TokenRegistry(double)
    double.tags["app"], double.page = ["a", "b", "c"], 1
    assert len(registries(f"http://{double.authority}").fetch(oci(double.authority)).tags) == 3
    assert server.exchanges == 1


@pytest.mark.parametrize(
    ("expires_in", "lasts"), [(300, 269), (None, 53), (-5, 53), ("soon", 53), (True, 53)]
)
def test_a_token_is_renewed_when_it_ends(
    double: Double, registries: Make, oci: Oci, expires_in: object, lasts: float
) -> None:
    server, clock = TokenRegistry(double, expires_in), FakeClock()
    made = registries(f"http://{double.authority}", clock=clock)
    made.fetch(oci(double.authority))
    clock.advance(lasts)
    made.fetch(oci(double.authority))
    assert server.exchanges == 1
    clock.advance(60)
    made.fetch(oci(double.authority))
    assert server.exchanges == 2


def test_a_token_that_is_revoked_is_exchanged_once(double: Double, registries: Make, oci: Oci) -> None:
    server = TokenRegistry(double)
    made = registries(f"http://{double.authority}")
    made.fetch(oci(double.authority))
    server.valid.clear()
    assert requests_for(made, oci(double.authority)) == 3
    assert server.exchanges == 2


@pytest.mark.parametrize("realm", ["http://elsewhere.example/token", "http://127.0.0.1:1/token"])
def test_one_odd_refusal_leaves_nothing_behind(
    double: Double, registries: Make, oci: Oci, realm: str
) -> None:
    """A proxy's page, once, with a realm that is foreign or dead; then the registry is itself again."""
    double.tags["app"] = ["1.0"]
    double.behaviours["/v2/app/tags/list"] = says(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}"'})
    made = registries(f"http://{double.authority},http://127.0.0.1:1")
    with pytest.raises(FetchFailed):
        made.fetch(oci(double.authority))
    double.behaviours.clear()
    assert made.fetch(oci(double.authority)).tags == ("1.0",)


def test_a_token_server_that_moved_is_asked_where_it_is_now(
    double: Double, registries: Make, oci: Oci
) -> None:
    server, clock = TokenRegistry(double), FakeClock()
    made = registries(f"http://{double.authority}", clock=clock)
    made.fetch(oci(double.authority))
    clock.advance(3600)
    at_token, double.asked[:] = server.before, []

    def moved(handler: Handler) -> bool:
        if handler.asked.path == "/token":
            handler.reply(404)
            return True
        handler.asked = replace(handler.asked, path=handler.asked.path.replace("/moved", "/token"))
        return at_token(handler)

    double.before, server.realm = moved, "/moved"
    assert made.fetch(oci(double.authority)).tags == ("1.0",)
    assert [asked.path for asked in double.asked] == [
        "/token",
        "/v2/app/tags/list",
        "/moved",
        "/v2/app/tags/list",
    ]


def test_a_login_that_is_refused_is_tried_once_a_fetch(
    double: Double, registries: Make, oci: Oci, credentials: Callable[..., Credentials]
) -> None:
    """Accounts are locked by more."""
    TokenRegistry(double)
    clock = FakeClock()
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority), clock=clock)
    made.fetch(oci(double.authority, credential="robot"))
    clock.advance(3600)
    double.behaviours["/token"], before = says(401), double.before
    assert before is not None
    double.before = lambda handler: handler.asked.path != "/token" and before(handler)
    for _ in range(2):
        double.asked.clear()
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(double.authority, credential="robot"))
        assert failed.value.reason == "auth"
        assert sum(asked.path == "/token" for asked in double.asked) == 1


def test_never_content_is_no_loop(double: Double, registries: Make, oci: Oci) -> None:
    server = TokenRegistry(double)
    server.refuse = True
    made = registries(f"http://{double.authority}", clock=FakeClock())
    for exchanges in (1, 2):
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(double.authority))
        assert failed.value.reason == "auth"
        assert server.exchanges == exchanges
        server.valid.clear()


def test_a_new_token_that_is_refused_is_not_exchanged_again(
    double: Double, registries: Make, oci: Oci
) -> None:
    server, clock = TokenRegistry(double), FakeClock()
    made = registries(f"http://{double.authority}", clock=clock)
    made.fetch(oci(double.authority))
    clock.advance(3600)
    server.refuse = True
    double.asked.clear()
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(double.authority))
    assert (failed.value.reason, len(double.asked)) == ("auth", 3)
    assert (server.exchanges, clock.slept) == (1, [1.0])


def test_a_registry_may_change_what_it_demands(
    double: Double, registries: Make, oci: Oci, credentials: Callable[..., Credentials]
) -> None:
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    double.tags["app"] = ["1.0"]
    double.before = demands('Basic realm="x"')
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    server = TokenRegistry(double)
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    assert server.exchanges == 1


def test_tokens_of_accounts_are_kept_apart(
    double: Double, registries: Make, oci: Oci, credentials: Callable[..., Credentials]
) -> None:
    server = TokenRegistry(double)
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    made.fetch(oci(double.authority, credential="robot"))
    made.fetch(oci(double.authority))
    assert server.exchanges == 2
    basic = [asked.authorization for asked in double.asked if asked.path == "/token"]
    assert (basic[0] or "").startswith("Basic ")
    assert basic[1] is None
    double.asked.clear()
    made.fetch(oci(double.authority, credential="robot"))
    made.fetch(oci(double.authority))
    robots, anyones = double.authorizations
    assert robots.startswith("Bearer token-0-")
    assert anyones.startswith("Bearer token-1-")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(200, {"token": "x" * 70_000}), "malformed"),
        (says(200, {"token": "x", "padding": "x" * 70_000}), "malformed"),
        (says(200, {"token": "a\r\nX-Evil: 1"}), "malformed"),
        (says(200, {"token": ""}), "malformed"),
        (says(200, {"token": 5}), "malformed"),
        (says(200, b"[]"), "malformed"),
        (says(200, b"<html>"), "malformed"),
        (says(401, b""), "auth"),
        (says(403, b""), "auth"),
        (says(404, b""), "auth"),
        (says(429, b"", {"Retry-After": "7"}), "throttled"),
        (says(500, b""), "refused"),
    ],
)
def test_what_a_token_server_may_answer(
    double: Double, registries: Make, oci: Oci, answer: Callable[[Handler], None], reason: str
) -> None:
    def before(handler: Handler) -> bool:
        if handler.asked.path != "/realm":
            handler.reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{double.url}/realm"'})
            return True
        return False

    double.before = before
    double.behaviours["/realm"] = answer
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert (failed.value.reason, len(double.asked)) == (reason, 2)
    assert double.asked[1].query == {"scope": "repository:app:pull"}


@pytest.mark.parametrize(
    "realm",
    [
        *("nonsense", "file:///etc/passwd", "http://u:p@127.0.0.1/", "//x/y"),
        # What is asked of a realm is ours alone: a token would be given for what its query asks too.
        "{url}/token?scope=repository:other/x:push&service=zz",
        *(
            "{url}/token?scope=repository%3Aother%2Fx%3Apush",
            "{url}/token?",
            "{url}?account=a",
            "{url}/token?a=b",
        ),
        *("{url}/token#", "{url}/token#?scope=x", "{url}/token?scope=x#", "{url}#x"),
        *("http://robot:pw@{authority}/token", "http://@{authority}/token", "http://{authority}@/token"),
        *(
            "http://{authority}\\\\@evil.test/token",
            "http://{authority} /token",
            "{url}/to ken",
            "{url}/t\u0131",
        ),
    ],
)
def test_a_realm_that_is_none(
    double: Double, registries: Make, oci: Oci, credentials: Callable[..., Credentials], realm: str
) -> None:
    shown = realm.format(url=double.url, authority=double.authority)
    double.behaviours["/token"] = says(200, {"token": "t"})
    double.before = demands(f'Bearer realm="{shown}",service="s"')
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(double.authority, credential="robot"))
    assert (failed.value.reason, len(double.asked)) == ("not_allowed", 1)


@pytest.mark.parametrize("broken", [False, True])
def test_a_secret_shows_nowhere(
    double: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    caplog: pytest.LogCaptureFixture,
    broken: bool,
) -> None:
    """Neither in the log at its most talkative, nor in a failure, its traceback or what it came from."""
    caplog.set_level(logging.DEBUG)
    TokenRegistry(double)
    known = credentials(double.authority)
    made = registries(f"http://{double.authority}", credentials=known)
    told = [repr(known), repr(known.get("robot")), repr(made)]
    if broken:
        double.behaviours["/v2/app/tags/list"] = lambda handler: handler.raw(b"HTTP/1.1 200 OK\r\nContent-Le")
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(double.authority, credential="robot"))
        fault: BaseException | None = failed.value
        told += traceback.format_exception(fault)
        while fault is not None:
            told.append(repr(fault.__dict__) + repr(fault))
            fault = fault.__cause__ or fault.__context__
    else:
        made.fetch(oci(double.authority, credential="robot"))
    basic = double.authorizations[0].removeprefix("Basic ")
    bearer = double.authorizations[-1].removeprefix("Bearer ")
    text = "\n".join([*told, caplog.text])
    assert "GET /v2/app/tags/list" in text
    assert all(secret not in text for secret in (SECRET, basic, bearer))
