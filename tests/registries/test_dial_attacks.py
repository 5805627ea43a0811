"""Attacks that lead to an address inside, or to one that nobody allowed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from tests.registries.attacks import GUARDED, PATH, Make, Oci, attempt
from tests.registries.double import Double, demands, listing, says
from worker.domain.image import FetchFailed, ImageRef
from worker.domain.registry.addresses import parse_address
from worker.registries import Caps, parse_mirror
from worker.registries.auth.realms import Realms
from worker.registries.http.bounds import BoundedSocket
from worker.registries.http.guard import Guard
from worker.registries.http.origin import parse_url
from worker.registries.tags import reading

Patch = pytest.MonkeyPatch


@pytest.fixture
def dialled(monkeypatch: Patch) -> list[str]:
    """The addresses that would have been dialled; nothing is."""
    addresses: list[str] = []

    def connect(self: BoundedSocket, where: tuple[str, int]) -> None:
        addresses.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(BoundedSocket, "connect", connect)
    return addresses


@GUARDED
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:a00:1::",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_a_name_that_resolves_to_the_inside(
    registries: Make, oci: Oci, dialled: list[str], monkeypatch: Patch, address: str, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(Guard, "_may_dial", lambda self, host, port, address: True)
    made = registries("registry.test", resolver=lambda host, port: [address])
    assert attempt(made, oci("registry.test")) == ("not_allowed" if guarded else "unreachable")
    assert dialled == ([] if guarded else [str(parse_address(address))])


def test_one_bad_address_among_good_ones_refuses_the_name(
    registries: Make, oci: Oci, dialled: list[str]
) -> None:
    made = registries("registry.test", resolver=lambda host, port: ["8.8.8.8", "127.0.0.1"])
    assert attempt(made, oci("registry.test")) == "not_allowed"
    assert dialled == []


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "0.0.0.0", "fd00:ec2::254"])
def test_a_metadata_service_is_not_asked_even_if_it_is_allowed(
    registries: Make, oci: Oci, dialled: list[str], address: str
) -> None:
    made = registries("registry.test,0.0.0.0/0,::/0", resolver=lambda host, port: [address])
    assert attempt(made, oci("registry.test")) == "not_allowed"
    assert dialled == []


@GUARDED
def test_a_name_that_changes_between_check_and_connect(
    double: Double, trap: Double, registries: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    double.tags["app"] = ["1.0"]
    answers: Iterator[list[str]] = iter([["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]])

    def check_and_resolve_again(guard: Guard, host: str, port: int, *_: object) -> socket.socket:
        guard.addresses(host, port)
        return socket.create_connection((guard._resolver(host, port)[0], port))

    if not guarded:
        monkeypatch.setattr(Guard, "dial", check_and_resolve_again)
    name = f"registry.test:{double.port}"
    made = registries(f"http://{name},127.0.0.1/32", resolver=lambda host, port: next(answers))
    assert made.fetch(oci(name)).tags == (("1.0",) if guarded else ("stolen",))
    assert len(trap.asked) == (0 if guarded else 1)
    assert (trap.asked + double.asked)[0].headers["host"] == name


@GUARDED
def test_a_redirect_to_a_name_inside(
    double: Double, trap: Double, registries: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    double.behaviours[PATH] = says(302, b"", {"Location": f"http://inside.test:{trap.port}{PATH}"})
    if not guarded:
        monkeypatch.setattr(Guard, "_may_dial", lambda self, host, port, address: True)
    made = registries(f"http://{double.authority},http://.test", resolver=lambda host, port: ["127.0.0.2"])
    assert attempt(made, oci(double.authority)) == ("unreachable" if guarded else "listed")
    assert len(trap.asked) == (0 if guarded else 1)


@GUARDED
@pytest.mark.parametrize("where", ["link", "realm", "redirect"])
def test_a_step_down_to_plain_http(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    monkeypatch: Patch,
    guarded: bool,
    where: str,
) -> None:
    """``trap`` is not allowed at all here; plain HTTP to it is refused before anything is resolved."""
    if where == "redirect":
        double.behaviours[PATH] = says(302, b"", {"Location": f"{trap.url}{PATH}"})
    elif where == "realm":
        double.before = demands(f'Bearer realm="{trap.url}/token"')
        monkeypatch.setattr(Realms, "refusal", lambda self, registry, realm: None)
    else:
        double.behaviours[PATH] = listing("a", link=f"<{trap.url}{PATH}>; rel=next")
        monkeypatch.setattr(reading, "following", urljoin)
    if not guarded:
        monkeypatch.setattr(Guard, "check_url", lambda self, url: parse_url(url)[0])
        monkeypatch.setattr(Guard, "_may_dial", lambda self, host, port, address: True)
    reason = attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert (reason == "not_allowed") is guarded
    assert bool(trap.asked) is not guarded


def test_a_redirect_to_a_mirror_from_elsewhere(
    double: Double, trap: Double, registries: Make, oci: Oci
) -> None:
    """What the operator trusts for one type of registry is not open to what another registry says."""
    double.behaviours[PATH] = says(302, b"", {"Location": f"{trap.url}{PATH}"})
    made = registries(f"http://{double.authority}", mirrors={"GITHUB": parse_mirror(trap.url)})
    assert made.fetch(ImageRef("GITHUB", "ghcr.io", "app")).tags == ("stolen",)
    assert attempt(made, oci(double.authority)) == "not_allowed"
    assert len(trap.asked) == 1
    mirrors = {"GITHUB": parse_mirror(trap.url), "OCI": parse_mirror(double.url)}
    assert attempt(registries(mirrors=mirrors), oci("8.8.8.8")) == "not_allowed"
    assert len(trap.asked) == 1


def test_a_redirect_without_end(double: Double, registries: Make, oci: Oci) -> None:
    double.behaviours[PATH] = says(302, b"", {"Location": f"{PATH}?again"})
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "not_allowed"
    assert len(double.asked) == 4


def test_a_failure_does_not_tell_what_listens_inside(double: Double, registries: Make, oci: Oci) -> None:
    """It is the same whether something listens at the port or not."""
    failures = []
    for port in (double.port, 1):
        made = registries(
            f"registry.test:{port}", resolver=lambda host, port: ["127.0.0.1"], caps=Caps(connect_s=1)
        )
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(f"registry.test:{port}"))
        failures.append((failed.value.reason, failed.value.detail.replace(f":{port}", "")))
    assert failures[0] == failures[1]
