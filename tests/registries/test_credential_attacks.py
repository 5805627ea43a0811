"""Attacks that are after a credential."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urljoin

import pytest

from tests.registries.attacks import BASIC, GUARDED, PATH, Make, Oci, attempt
from tests.registries.double import Double, demands, listing, says
from worker.registries import Credentials
from worker.registries.auth.account import Account
from worker.registries.auth.realms import Realms
from worker.registries.http import session
from worker.registries.tags import reading

Patch = pytest.MonkeyPatch


@GUARDED
def test_credentials_to_a_foreign_realm(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    monkeypatch: Patch,
    guarded: bool,
) -> None:
    double.before = demands(f'Bearer realm="{trap.url}/token",service="registry"')
    trap.behaviours["/token"] = says(200, {"token": "t"})
    if not guarded:
        monkeypatch.setattr(Realms, "refusal", lambda self, registry, realm: None)
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert trap.authorizations == ([] if guarded else [BASIC])
    assert (reason == "not_allowed") is guarded


@GUARDED
def test_credentials_to_a_foreign_link(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    monkeypatch: Patch,
    guarded: bool,
) -> None:
    double.before, trap.before = demands('Basic realm="x"'), demands('Basic realm="x"')
    double.behaviours[PATH] = listing("a", link=f"<{trap.url}{PATH}>; rel=next")
    if not guarded:
        monkeypatch.setattr(reading, "following", urljoin)
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert bool(trap.asked) is not guarded
    assert trap.authorizations == [], "the account is its registry's, whatever leads elsewhere"
    assert reason == ("listed" if guarded else "auth")


@GUARDED
def test_credentials_along_a_redirect(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    monkeypatch: Patch,
    guarded: bool,
) -> None:
    double.before = demands('Basic realm="x"')
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{PATH}"})
    if not guarded:
        monkeypatch.setattr(session, "keeps_authorization", lambda origin, following: True)
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    assert attempt(made, oci(double.authority, credential="robot")) == "listed"
    assert len(trap.asked) == 1
    assert trap.authorizations == ([] if guarded else [BASIC])


def test_credentials_to_whoever_a_registry_redirects_to(
    double: Double, trap: Double, registries: Make, oci: Oci, credentials: Callable[..., Credentials]
) -> None:
    """The place that a redirect leads to gets nothing even if it asks."""
    double.before, trap.before = demands('Basic realm="x"'), demands('Basic realm="x"')
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{PATH}"})
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    # The second time it is known beforehand what the registry demands, and the redirect comes first.
    for _ in range(2):
        assert attempt(made, oci(double.authority, credential="robot")) == "auth"
    assert trap.asked
    assert trap.authorizations == []


@GUARDED
@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_credentials_to_the_next_page_of_whoever_a_registry_redirects_to(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    monkeypatch: Patch,
    guarded: bool,
    scheme: str,
) -> None:
    """Its first page comes without a question, and the link of that leads to a page that asks one."""
    double.before = demands('Basic realm="x"')
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{PATH}"})
    asks = demands('Basic realm="x"' if scheme == "basic" else f'Bearer realm="{trap.url}/token"')
    trap.before = lambda handler: "last" in handler.asked.query and asks(handler)
    trap.behaviours[PATH] = listing("a", link=f"<{PATH}?last=a>; rel=next")
    trap.behaviours["/token"] = says(200, {"token": "t"})
    if not guarded:
        monkeypatch.setattr(Account, "at", lambda account, origin: account._replace(home=origin))
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    # The second time it is known beforehand what the trap demands.
    for _ in range(2):
        attempt(made, oci(double.authority, credential="robot"))
    assert any("last" in asked.query for asked in trap.asked)
    assert (BASIC in trap.authorizations) is not guarded


def test_an_account_is_not_had_again_by_leading_back_to_its_registry(
    double: Double, trap: Double, registries: Make, oci: Oci, credentials: Callable[..., Credentials]
) -> None:
    """A page of a stranger redirects to another repository of the registry, which asks who we are."""
    double.before = demands('Basic realm="x"')
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{PATH}"})
    double.tags["secret"] = ["1.0"]
    trap.behaviours[PATH] = lambda handler: (
        handler.reply(307, b"", {"Location": f"{double.url}/v2/secret/tags/list"})
        if handler.asked.query.get("last")
        else listing("a", link=f"<{PATH}?last=a>; rel=next")(handler)
    )
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    assert attempt(made, oci(double.authority, credential="robot")) == "auth"
    secret = [asked for asked in double.asked if "secret" in asked.path]
    assert [asked.authorization for asked in secret] == [None]


@GUARDED
def test_a_credential_for_another_host(
    double: Double,
    registries: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    monkeypatch: Patch,
    guarded: bool,
) -> None:
    double.before = demands('Basic realm="x"')
    double.tags["app"] = ["1.0"]
    if not guarded:
        monkeypatch.setattr(Credentials, "fits", staticmethod(lambda credential, host: True))
    made = registries(f"http://{double.authority}", credentials=credentials("registry.example"))
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert double.authorizations == ([] if guarded else [BASIC])
    assert reason == ("auth" if guarded else "listed")


@GUARDED
def test_another_tenants_credential(credentials: Callable[..., Credentials], guarded: bool) -> None:
    """The domains of a credential are its guard; without them in the file, all would pass."""
    domains = ("domain-a",) if guarded else ("*",)
    known = credentials("registry.example", domains=domains)
    assert known.may_use("robot", "domain-a", "registry.example")
    assert known.may_use("robot", "domain-b", "registry.example") is not guarded
    assert not known.may_use("robot", "domain-a", "other.example")
    assert not known.may_use("unknown", "domain-a", "registry.example")
