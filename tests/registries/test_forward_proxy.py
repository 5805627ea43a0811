"""Given the operator's proxy, then registries are reached through it, and by the same rules as without it."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.registries.attacks import BASIC, GUARDED, PATH, Make, Oci, Start, attempt
from tests.registries.conftest import SECRET
from tests.registries.double import Double, demands, says
from tests.registries.forward_proxy import ForwardProxy
from worker.domain.image import FetchFailed
from worker.domain.registry.allowed import AllowedRegistries
from worker.registries import Credentials, parse_proxy
from worker.registries.http.guard import _PUBLIC_HOSTS, Guard
from worker.registries.http.proxy import Proxy
from worker.registries.kinds import KINDS
from worker.registries.tags.docker_hub import API
from worker.services import Services
from worker.settings import Settings

Patch = pytest.MonkeyPatch
PUBLIC = "93.184.216.34"


def resolve(host: str, port: int) -> list[str]:
    """Every name is public, but those that end in ``inside.test``; the proxy has a name, too."""
    if host.endswith("inside.test"):
        return ["10.1.2.3"]
    return ["127.0.0.1"] if host == "proxy.test" else [PUBLIC]


@pytest.fixture
def proxy(closing: ExitStack, double: Double) -> ForwardProxy:
    double.tags["app"] = ["1.0"]
    return closing.enter_context(ForwardProxy(double.port))


@pytest.fixture
def through(registries: Make, proxy: ForwardProxy) -> Callable[..., object]:
    """Registries behind the proxy; ``direct`` and ``looks_up`` are those of ``Proxy``."""

    def make(
        allowed: str, direct: str = "", looks_up: bool = False, login: str = "", **options: object
    ) -> object:
        known = parse_proxy(f"http://{login}proxy.test:{proxy.port}")
        assert known is not None
        known = replace(known, direct=AllowedRegistries.parse(direct), looks_up=looks_up)
        return registries(allowed, proxy=known, **({"resolver": resolve} | options))

    return make


def test_https(
    start: Start,
    closing: ExitStack,
    registries: Make,
    oci: Oci,
    server_context: Callable[[], ssl.SSLContext],
    certificate: tuple[Path, Path],
) -> None:
    """The address that was checked is what the proxy is asked for; the name is for TLS and the registry."""
    names: list[str | None] = []
    context = server_context()
    context.sni_callback = lambda connection, name, _: names.append(name)
    secure = start(tls=context)
    secure.tags["app"] = ["1.0"]
    proxy = closing.enter_context(ForwardProxy(secure.port))
    made = registries(
        "registry.test",
        resolver=resolve,
        proxy=Proxy("proxy.test", proxy.port),
        ca_files={"registry.test": str(certificate[0])},
    )
    for _ in range(2):
        assert made.fetch(oci("registry.test")).tags == ("1.0",)
    assert (proxy.targets, names) == ([f"{PUBLIC}:443"], ["registry.test"])
    assert [asked.headers["host"] for asked in secure.asked] == ["registry.test"] * 2
    assert proxy.asked[0].headers["host"] == f"{PUBLIC}:443"


def test_plain_http(double: Double, proxy: ForwardProxy, through: Make, oci: Oci) -> None:
    made = through("http://registry.test:5000")
    assert made.fetch(oci("registry.test:5000")).tags == ("1.0",)
    assert (proxy.targets, double.asked[0].headers["host"]) == ([f"{PUBLIC}:5000"], "registry.test:5000")


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Gone through\r\n\r\n",
    ],
)
def test_ways_to_say_that_there_is_a_tunnel(
    proxy: ForwardProxy, through: Make, oci: Oci, greeting: bytes
) -> None:
    proxy.greeting = greeting
    assert through("http://registry.test").fetch(oci("registry.test")).tags == ("1.0",)


def test_an_address_that_is_reached_directly(proxy: ForwardProxy, through: Make, oci: Oci) -> None:
    for host in ("[::1]:1", "127.0.0.1:1"):
        assert attempt(through(f"http://{host}", f"http://{host}"), oci(host)) == "unreachable"
        assert proxy.asked == []


def test_ipv6(proxy: ForwardProxy, through: Make, oci: Oci) -> None:
    made = through(
        "http://registry.test",
        resolver=lambda host, port: ["127.0.0.1"] if host == "proxy.test" else ["2606:2800:220:1::1"],
    )
    assert made.fetch(oci("registry.test")).tags == ("1.0",)
    assert proxy.targets == ["[2606:2800:220:1::1]:80"]


def test_a_login_of_the_proxy_is_for_the_proxy_alone(
    double: Double,
    proxy: ForwardProxy,
    through: Make,
    oci: Oci,
    credentials: Callable[..., Credentials],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    proxy.login = "Basic cCU6czNjcjN0"  # p%:s3cr3t
    double.before = demands('Basic realm="x"')
    made = through("http://registry.test", login="p%25:s3cr3t@", credentials=credentials("registry.test"))
    assert made.fetch(oci("registry.test", credential="robot")).tags == ("1.0",)
    assert [connect.login for connect in proxy.asked] == [proxy.login] * 2
    assert all("authorization" not in connect.headers for connect in proxy.asked)
    assert [asked.authorization for asked in double.asked] == [None, BASIC]
    assert all("proxy-authorization" not in asked.headers for asked in double.asked)
    assert not any(secret in caplog.text for secret in ("s3cr3t", "cCU6", SECRET))


@pytest.mark.parametrize(
    ("login", "said"),
    [("", "the proxy demands a login (407)"), ("p:wrong@", "the proxy refuses the login (407)")],
)
def test_a_login_that_does_not_fit(
    proxy: ForwardProxy, through: Make, oci: Oci, login: str, said: str
) -> None:
    proxy.login = "Basic cDpyaWdodA=="
    with pytest.raises(FetchFailed, match=r"^unreachable: no way to registry\.test: ") as failed:
        through("http://registry.test", login=login).fetch(oci("registry.test"))
    assert said in failed.value.detail
    assert "wrong" not in failed.value.detail


def test_tokens_go_the_same_way(double: Double, proxy: ForwardProxy, through: Make, oci: Oci) -> None:
    double.before = demands('Bearer realm="http://auth.registry.test/token"')
    double.behaviours["/token"] = says(200, {"token": "t"})
    made = through("http://www.registry.test,http://.registry.test")
    assert made.fetch(oci("www.registry.test")).tags == ("1.0",)
    assert [asked.headers["host"] for asked in double.asked] == [
        "www.registry.test",
        "auth.registry.test",
        "www.registry.test",
    ]
    assert len(proxy.asked) == 3


@GUARDED
def test_a_name_that_leads_inside_is_not_given_to_the_proxy(
    proxy: ForwardProxy, through: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(Guard, "_may_dial", lambda self, host, port, address: True)
    made = through("http://registry.inside.test")
    assert attempt(made, oci("registry.inside.test")) == ("not_allowed" if guarded else "listed")
    assert proxy.targets == ([] if guarded else ["10.1.2.3:80"])


@pytest.mark.parametrize("looks_up", [False, True])
@pytest.mark.parametrize("host", ["169.254.169.254", "10.1.2.3", "[::1]", "127.0.0.1"])
def test_an_address_inside_is_not_given_to_the_proxy(
    double: Double, proxy: ForwardProxy, through: Make, oci: Oci, host: str, looks_up: bool
) -> None:
    double.behaviours[PATH] = says(302, b"", {"Location": f"https://{host}{PATH}"})
    made = through("http://registry.test,http://.other.test", looks_up=looks_up)
    with pytest.raises(FetchFailed, match=r"^unreachable: .*(is never dialled|is not public)"):
        made.fetch(oci("registry.test"))
    assert len(proxy.asked) == 1


def test_a_private_registry_behind_the_proxy(proxy: ForwardProxy, through: Make, oci: Oci) -> None:
    made = through("http://registry.inside.test,10.1.0.0/16")
    assert made.fetch(oci("registry.inside.test")).tags == ("1.0",)
    assert proxy.targets == ["10.1.2.3:80"]


@pytest.mark.parametrize(
    "direct",
    [
        "http://registry.inside.test:{port}",
        "Registry.inside.test",
        "http://registry.inside.test",
        ".inside.test",
        "127.0.0.0/8",
        "x.test, 127.0.0.1/32",
    ],
)
def test_what_is_reached_directly(
    double: Double, proxy: ForwardProxy, through: Make, oci: Oci, direct: str
) -> None:
    name = f"registry.inside.test:{double.port}"
    made = through(
        f"http://{name},127.0.0.0/8",
        direct.format(port=double.port),
        resolver=lambda host, port: ["127.0.0.1"],
    )
    assert made.fetch(oci(name)).tags == ("1.0",)
    assert proxy.asked == []


@pytest.mark.parametrize(
    "direct", ["inside.test", "registry.inside.test", "registry.test:443", "10.0.0.0/8", ".test.inside"]
)
def test_what_is_not_reached_directly(proxy: ForwardProxy, through: Make, oci: Oci, direct: str) -> None:
    assert through("http://registry.test", direct).fetch(oci("registry.test")).tags == ("1.0",)
    assert len(proxy.asked) == 1


def _no_names(host: str, port: int) -> list[str]:
    if host == "proxy.test":
        return ["127.0.0.1"]
    raise socket.gaierror(socket.EAI_NONAME, "no names here")


def test_without_names_here_the_operator_is_told(through: Make, oci: Oci) -> None:
    with pytest.raises(FetchFailed, match=r"^unreachable: .*PLUGINS_REGISTRY_PROXY_NAMES"):
        through("http://registry.test", resolver=_no_names).fetch(oci("registry.test"))


def test_without_an_answer_about_names_here_the_operator_is_told(through: Make, oci: Oci) -> None:
    def slow(host: str, port: int) -> list[str]:
        raise TimeoutError("the time for this image is over")

    with pytest.raises(FetchFailed, match=r"^timeout: .*in time; PLUGINS_REGISTRY_PROXY_NAMES"):
        through("http://registry.test", resolver=slow).fetch(oci("registry.test"))


def test_the_proxy_looks_listed_names_up(proxy: ForwardProxy, through: Make, oci: Oci) -> None:
    made = through("http://registry.test:5000", looks_up=True, resolver=_no_names)
    assert made.fetch(oci("registry.test:5000")).tags == ("1.0",)
    assert proxy.targets == ["registry.test:5000"]


@GUARDED
def test_a_registry_does_not_choose_names_for_the_proxy(
    double: Double, proxy: ForwardProxy, through: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(Guard, "_check_name", lambda self, host, port: None)
    double.behaviours[PATH] = says(302, b"", {"Location": f"https://intranet.test{PATH}"})
    made = through("http://registry.test", looks_up=True, resolver=_no_names)
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci("registry.test"))
    assert ("its name goes to the proxy only if" in failed.value.detail) is guarded
    assert proxy.targets[1:] == ([] if guarded else ["intranet.test:443"])


def test_the_public_registries_names_are_known() -> None:
    hosts = {profile.oci_host for profile in KINDS.values()} - {None}
    hosts |= {API.removeprefix("https://"), "ghcr.io", "public.ecr.aws", "auth.docker.io"}
    assert {(host, 443) for host in hosts} == _PUBLIC_HOSTS


def test_the_environments_proxy_is_another_matter(
    double: Double, proxy: ForwardProxy, registries: Make, oci: Oci, monkeypatch: Patch
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{proxy.authority}")
    assert registries(f"http://{double.authority}").fetch(oci(double.authority)).tags == ("1.0",)
    assert proxy.asked == []


def test_the_settings_reach_the_registries(double: Double, proxy: ForwardProxy, oci: Oci) -> None:
    registry, realm = f"{PUBLIC}:5000", "93.184.216.35:5001"
    double.before = demands(f'Bearer realm="http://{realm}/token"')
    double.behaviours["/token"] = says(200, {"token": "t"})
    # The settings are texts, as in the environment.
    texts: dict[str, Any] = {
        "allowed_registries": f"http://{registry},http://{realm}",
        "registry_realms": f"{registry}={realm}",
        "registry_proxy": f"http://{proxy.authority}",
        "registry_no_proxy": "10.0.0.0/8",
    }
    services = Services(Settings(**texts))
    try:
        assert services.registries.fetch(oci(registry)).tags == ("1.0",)
    finally:
        services.close()
    assert proxy.targets == [registry, realm, registry]
