"""Given a registry that is not content with the first answer, then each way is tried once, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registries.attacks import BASIC, PATH, Make, Oci, attempt
from tests.registries.conftest import requests_for
from tests.registries.double import Double, Handler, demands, says
from tests.support.clock import FakeClock
from worker.domain.image import FetchFailed
from worker.registries import Credentials

Robot = Callable[..., Credentials]
BASIC_TOO = 'Basic realm="x"'


class Demanding:
    """Makes a double demand ``bearer`` of whoever comes without a token, ``then`` of whoever has one.

    ``is_content``: returns whether the ``Authorization`` of the request will do.
    ``told``: the challenges so far.
    """

    def __init__(
        self,
        double: Double,
        is_content: Callable[[str], bool],
        then: str | None = None,
        first: str | None = None,
    ) -> None:
        self.double, self.is_content = double, is_content
        self.bearer = first or f'Bearer realm="{double.url}/token",service="s"'
        self.then = then or self.bearer
        self.tokens = 0
        double.tags["app"] = ["1.0"]
        double.before = self.before

    def before(self, handler: Handler) -> bool:
        if handler.asked.path == "/token":
            self.tokens += 1
            handler.reply(200, {"token": f"t{self.tokens}", "expires_in": 300})
            return True
        sent = handler.asked.authorization or ""
        if self.is_content(sent):
            return False
        challenge = self.then if sent.startswith("Bearer ") else self.bearer
        handler.reply(401, b"", {"WWW-Authenticate": challenge})
        return True

    @property
    def pages(self) -> list[str | None]:
        return [asked.authorization for asked in self.double.asked if asked.path == PATH]


@pytest.mark.parametrize("then", [BASIC_TOO, "basic", 'Negotiate YII/Jv==, Basic realm="x"'])
def test_basic_after_a_token(
    double: Double, registries: Make, oci: Oci, credentials: Robot, then: str
) -> None:
    """Harbor answers so to a token that opens too little (https://github.com/goharbor/harbor/issues/18856)."""
    server = Demanding(double, lambda sent: sent == BASIC, then)
    made = registries(
        f"http://{double.authority}", credentials=credentials(double.authority), clock=FakeClock()
    )
    ref = oci(double.authority, credential="robot")
    assert made.fetch(ref).tags == ("1.0",)
    assert server.pages == [None, "Bearer t1", BASIC]
    double.asked.clear()
    assert made.fetch(ref).tags == ("1.0",)
    assert server.pages == [BASIC]


def test_a_token_after_basic(double: Double, registries: Make, oci: Oci, credentials: Robot) -> None:
    server = Demanding(double, lambda sent: sent.startswith("Bearer "), first=BASIC_TOO)
    bearer = f'Bearer realm="{double.url}/token"'
    plain = server.before

    def before(handler: Handler) -> bool:
        if (handler.asked.authorization or "").startswith("Basic ") and handler.asked.path == PATH:
            handler.reply(401, b"", {"WWW-Authenticate": bearer})
            return True
        return plain(handler)

    double.before = before
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    assert server.pages == [None, BASIC, "Bearer t1"]


def test_both_at_once_and_the_token_in_vain(
    double: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    server = Demanding(double, lambda sent: sent == BASIC)
    server.bearer = server.then = f"{server.bearer}, {BASIC_TOO}"
    clock = FakeClock()
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority), clock=clock)
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    assert server.pages == [None, "Bearer t1", "Bearer t1", BASIC]


def test_never_content_with_anything(double: Double, registries: Make, oci: Oci, credentials: Robot) -> None:
    """Whatever it says in turn: at most four requests for a page, one token and one login."""
    server = Demanding(double, lambda sent: False, f'{BASIC_TOO}, Bearer realm="{double.url}/token"')
    made = registries(
        f"http://{double.authority}", credentials=credentials(double.authority), clock=FakeClock()
    )
    for _ in range(2):
        double.asked.clear()
        server.tokens = 0
        assert attempt(made, oci(double.authority, credential="robot")) == "auth"
        assert (len(server.pages), server.tokens, server.pages.count(BASIC)) == (4, 1, 1)


def test_a_challenge_that_changes_each_time(double: Double, registries: Make, oci: Oci) -> None:
    served: list[None] = []

    def before(handler: Handler) -> bool:
        if handler.asked.path == "/token":
            handler.reply(200, {"token": "t"})
            return True
        served.append(None)
        challenge = f'Bearer realm="{double.url}/token",service="{len(served)}"'
        handler.reply(401, b"", {"WWW-Authenticate": challenge})
        return True

    double.before = before
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "auth"
    assert sum(asked.path == "/token" for asked in double.asked) == 1
    assert len(served) == 2


def test_a_login_that_is_refused_later_is_sent_once(
    double: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    good = {BASIC}
    server = Demanding(double, lambda sent: sent in good, first=BASIC_TOO)
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    ref = oci(double.authority, credential="robot")
    assert made.fetch(ref).tags == ("1.0",)
    good.clear()
    double.asked.clear()
    assert attempt(made, ref) == "auth"
    assert server.pages == [BASIC]


def test_basic_needs_a_login(double: Double, registries: Make, oci: Oci) -> None:
    server = Demanding(double, lambda sent: False, BASIC_TOO)
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "auth"
    assert server.pages == [None, "Bearer t1"]


def test_a_new_token_is_known_a_second_later(double: Double, registries: Make, oci: Oci) -> None:
    clock = FakeClock()
    start = clock.timestamp()
    server = Demanding(double, lambda sent: sent.startswith("Bearer ") and clock.timestamp() >= start + 1)
    made = registries(f"http://{double.authority}", clock=clock)
    # Both tries count against the budget.
    assert requests_for(made, oci(double.authority)) == 4
    assert (server.pages, server.tokens, clock.slept) == ([None, "Bearer t1", "Bearer t1"], 1, [1.0])
    double.asked.clear()
    assert requests_for(made, oci(double.authority)) == 1
    assert server.pages == ["Bearer t1"]


def test_a_token_that_opens_too_little_is_not_tried_again(double: Double, registries: Make, oci: Oci) -> None:
    bearer = f'Bearer realm="{double.url}/token",service="s"'
    server = Demanding(double, lambda sent: False, f'{bearer},error="insufficient_scope"')
    clock = FakeClock()
    assert attempt(registries(f"http://{double.authority}", clock=clock), oci(double.authority)) == "auth"
    assert (server.pages, clock.slept) == ([None, "Bearer t1"], [])


def test_a_kept_token_that_is_refused_with_a_realm_of_no_use(
    double: Double, trap: Double, registries: Make, oci: Oci
) -> None:
    """NVIDIA's registry: https://github.com/NVIDIA/nvidia-container-toolkit/issues/1945."""
    good = {"Bearer t1"}
    server = Demanding(
        double, lambda sent: sent in good, f'Bearer realm="{trap.url}/token",error="invalid_token"'
    )
    made = registries(f"http://{double.authority}")
    assert made.fetch(oci(double.authority)).tags == ("1.0",)
    good.clear()
    good.add("Bearer t2")
    double.asked.clear()
    assert made.fetch(oci(double.authority)).tags == ("1.0",)
    assert server.pages == ["Bearer t1", None, "Bearer t2"]
    assert trap.asked == []


def test_a_realm_that_may_not_be_asked_leaves_basic(
    double: Double, trap: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    server = Demanding(
        double, lambda sent: sent == BASIC, first=f'Bearer realm="{trap.url}/token", {BASIC_TOO}'
    )
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    assert (server.pages, trap.asked) == ([None, BASIC], [])


def test_a_login_that_its_token_service_refuses_is_not_sent_again(
    double: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    """Accounts are locked by more."""
    server = Demanding(double, lambda sent: False)
    server.bearer += f", {BASIC_TOO}"
    plain = server.before
    double.before = lambda handler: handler.asked.path != "/token" and plain(handler)
    double.behaviours["/token"] = says(401)
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    assert attempt(made, oci(double.authority, credential="robot")) == "auth"
    assert double.authorizations == [BASIC]


def test_a_registry_that_hands_over_to_one_with_tokens(
    double: Double, trap: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    """As registry.k8s.io does, to Google's: what is demanded there is met there, by nobody."""
    moved = "/v2/project/images/app/tags/list"
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{moved}"})
    trap.tags["project/images/app"] = ["1.0"]
    trap.behaviours["/token"] = says(200, {"token": "t"})
    trap.before = demands(f'Bearer realm="{trap.url}/token",service="s"')
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    assert [asked.authorization for asked in trap.asked] == [None, None, "Bearer t"]
    assert trap.asked[1].query == {"service": "s", "scope": "repository:project/images/app:pull"}


def test_challenges_in_several_header_lines(
    double: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    double.tags["app"] = ["1.0"]

    def before(handler: Handler) -> bool:
        if handler.asked.authorization:
            return False
        handler.raw(
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate YII/Jv==\r\n"
            b'WWW-Authenticate: NTLM\r\nwww-authenticate: basic realm="x"\r\n\r\n'
        )
        return True

    double.before = before
    made = registries(f"http://{double.authority}", credentials=credentials(double.authority))
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)


def test_a_demand_without_a_place_to_ask(double: Double, registries: Make, oci: Oci) -> None:
    Demanding(double, lambda sent: False, first='Bearer service="s"')
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert (failed.value.reason, len(double.asked)) == ("malformed", 1)
