"""Given realms that the operator names, then tokens are asked for there, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.registries.attacks import BASIC, GUARDED, Make, Oci, Start, attempt
from tests.registries.double import Double, demands, says
from worker.domain.image import DETAIL_MAX, FetchFailed
from worker.registries import Credentials
from worker.registries.auth.realms import Realms
from worker.registries.http.origin import parse_url
from worker.registries.settings import parse_realms

Robot = Callable[..., Credentials]


@pytest.fixture
def tokens(start: Start, double: Double) -> Double:
    """A token service at another address, for the registry ``double``."""
    tokens = start("127.0.0.3")
    tokens.behaviours["/token"] = says(200, {"token": "t"})
    double.before = demands(f'Bearer realm="{tokens.url}/token",service="s"')
    double.tags["app"] = ["1.0"]
    return tokens


def test_one_address_and_another(
    double: Double, tokens: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    made = registries(
        f"http://{double.authority},http://{tokens.authority}",
        realms=f"{double.authority}={tokens.authority}",
        credentials=credentials(double.authority),
    )
    assert made.fetch(oci(double.authority, credential="robot")).tags == ("1.0",)
    assert (tokens.authorizations, double.authorizations) == ([BASIC], ["Bearer t"])
    assert tokens.asked[0].query == {"service": "s", "scope": "repository:app:pull"}


@pytest.mark.parametrize(
    ("registry", "realm"), [("registry", "auth"), ("registry.internal", "auth.elsewhere.internal")]
)
def test_names_of_compose_and_of_an_intranet(
    start: Start, double: Double, registries: Make, oci: Oci, registry: str, realm: str
) -> None:
    tokens = start("127.0.0.3")
    tokens.behaviours["/token"] = says(200, {"token": "t"})
    double.tags["app"] = ["1.0"]
    double.before = demands(f'Bearer realm="http://{realm}:{tokens.port}/token"')
    where = {registry: "127.0.0.1", realm: "127.0.0.3"}
    host, place = f"{registry}:{double.port}", f"{realm}:{tokens.port}"

    def fetch(allowed: str, realms: str) -> tuple[str, ...]:
        made = registries(allowed, realms=realms, resolver=lambda name, port: [where[name]])
        tags: tuple[str, ...] = made.fetch(oci(host)).tags
        return tags

    everything = (f"http://{host},http://{place},127.0.0.0/8", f"{host}={place}")
    assert fetch(*everything) == ("1.0",)
    # What is missing is told, one thing after the other.
    listed, realms = everything
    for reason, allowed, pairs, missing in [
        ("not_allowed", listed, "", f"PLUGINS_REGISTRY_REALMS does not list {host}={place}"),
        (
            "not_allowed",
            f"http://{host},127.0.0.0/8",
            realms,
            f"does not list http://{place}, and plain HTTP",
        ),
        (
            "unreachable",
            f"http://{host},http://{place},127.0.0.1/32",
            realms,
            f"{place}: it has an address that is",
        ),
    ]:
        tokens.asked.clear()
        with pytest.raises(FetchFailed) as failed:
            fetch(allowed, pairs)
        assert failed.value.reason == reason
        assert missing in failed.value.detail
        assert len(failed.value.detail) <= DETAIL_MAX
        assert "127.0.0.3" not in failed.value.detail
        assert tokens.asked == []


@GUARDED
def test_a_realm_of_another_registry(
    double: Double,
    tokens: Double,
    registries: Make,
    oci: Oci,
    credentials: Robot,
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    """Nor at another port, nor the other way round."""
    if not guarded:
        monkeypatch.setattr(Realms, "refusal", lambda self, registry, realm: None)
    made = registries(
        f"http://{double.authority},http://{tokens.authority}",
        realms=(
            f"other.test={tokens.authority},{double.authority}=127.0.0.3:1,{double.authority}=127.0.0.3"
            f",127.0.0.1={tokens.authority},{tokens.authority}={double.authority}"
        ),
        credentials=credentials(double.authority),
    )
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert reason == ("not_allowed" if guarded else "listed")
    assert tokens.authorizations == ([] if guarded else [BASIC])


def test_an_own_realm_that_redirects_gets_no_login_elsewhere(
    double: Double, tokens: Double, trap: Double, registries: Make, oci: Oci, credentials: Robot
) -> None:
    tokens.behaviours["/token"] = says(307, b"", {"Location": f"{trap.url}/token"})
    trap.behaviours["/token"] = says(200, {"token": "t"})
    made = registries(
        f"http://{double.authority},http://{tokens.authority},http://{trap.authority}",
        realms=f"{double.authority}={tokens.authority}",
        credentials=credentials(double.authority),
    )
    attempt(made, oci(double.authority, credential="robot"))
    assert (len(trap.asked), trap.authorizations) == (1, [])


@pytest.mark.parametrize(
    ("setting", "registry", "realm", "allowed"),
    [
        ("r.test=a.example", "https://r.test", "https://a.example/t", True),
        ("r.test=a.example", "http://r.test", "http://a.example/t", True),
        ("r.test=a.example", "http://r.test", "https://a.example/t", True),
        ("r.test=a.example", "https://r.test", "http://a.example/t", False),
        ("r.test=a.example", "https://r.test:8443", "https://a.example/t", False),
        ("r.test=a.example", "https://r.test", "https://a.example:8443/t", False),
        ("r.test=a.example:8443", "https://r.test", "https://a.example:8443/t", True),
        ("r.test:443=a.example:443", "https://r.test", "https://a.example/t", True),
        ("R.test=A.example", "https://r.test", "https://a.example/t", True),
        ("r.test=a.example,r.test=b.example", "https://r.test", "https://b.example/t", True),
        ("r.test=a.example", "https://r.test", "https://x.a.example/t", False),
        ("r.test=a.example", "https://x.r.test", "https://a.example/t", False),
        ("10.0.0.1=10.0.0.2", "https://10.0.0.1", "https://10.0.0.2/t", True),
        ("[fd00::1]:5000=[fd00::2]", "https://[fd00::1]:5000", "https://[fd00::2]/t", True),
        (" r.test = a.example ,, ", "https://r.test", "https://a.example/t", True),
    ],
)
def test_which_pairs_an_entry_allows(setting: str, registry: str, realm: str, allowed: bool) -> None:
    refusal = Realms(parse_realms(setting)).refusal(parse_url(registry)[0], parse_url(realm)[0])
    assert (refusal is None) is allowed
