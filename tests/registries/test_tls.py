"""Given TLS, then it is verified, for the name that was meant and at the address that was checked."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registries.double import Double
from worker.domain.image import FetchFailed, ImageRef, NoAnswer
from worker.registries.http.adapter import GuardedAdapter
from worker.registries.registries import Registries

Make = Callable[..., Registries]
Oci = Callable[..., ImageRef]


@pytest.fixture
def names() -> list[str | None]:
    return []


@pytest.fixture
def secure(
    start: Callable[..., Double], server_context: Callable[[], ssl.SSLContext], names: list[str | None]
) -> Double:
    context = server_context()
    context.sni_callback = lambda connection, name, _: names.append(name)
    double = start(tls=context)
    double.tags["app"] = ["1.0"]
    return double


def test_the_name_is_kept_for_tls_and_host(
    secure: Double, names: list[str | None], registries: Make, oci: Oci, certificate: tuple[Path, Path]
) -> None:
    host = f"registry.test:{secure.port}"
    made = registries(
        f"{host},127.0.0.0/8",
        resolver=lambda name, port: ["127.0.0.1"],
        ca_files={host: str(certificate[0])},
    )
    assert made.fetch(oci(host)).tags == ("1.0",)
    assert names == ["registry.test"]
    assert secure.asked[0].headers["host"] == host


def test_a_certificate_of_another_name_is_refused(
    secure: Double, registries: Make, oci: Oci, certificate: tuple[Path, Path]
) -> None:
    host = f"other.test:{secure.port}"
    made = registries(
        f"{host},127.0.0.0/8",
        resolver=lambda name, port: ["127.0.0.1"],
        ca_files={host: str(certificate[0])},
    )
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(host))
    assert (failed.value.reason, type(failed.value), secure.asked) == ("unreachable", NoAnswer, [])


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("verified", [True, False], ids=["guarded", "guard-removed"])
def test_a_certificate_of_nobody_we_know_is_refused(
    secure: Double, registries: Make, oci: Oci, monkeypatch: pytest.MonkeyPatch, verified: bool
) -> None:
    made = registries(secure.authority)
    if not verified:
        made._pools._others._tls.check_hostname = False
        made._pools._others._tls.verify_mode = ssl.CERT_NONE
    try:
        listed = made.fetch(oci(secure.authority)).tags
    except FetchFailed as failed:
        listed = (failed.reason,)
    assert listed == (("unreachable",) if verified else ("1.0",))


def test_nothing_can_ask_not_to_verify(secure: Double, registries: Make) -> None:
    import requests

    adapter: GuardedAdapter = registries(secure.authority)._pools._others
    with requests.Session() as session:
        session.mount("https://", adapter)
        with pytest.raises(requests.exceptions.SSLError):
            session.get(f"{secure.url}/v2/app/tags/list", verify=False, timeout=5)
