"""Attacks on whoever asks registries. Each is tried twice: it fails, and with its guard removed it succeeds.

The attacker's place is another loopback address, 127.0.0.2: somewhere inside that nobody allowed.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests

from tests.registries.conftest import SECRET
from tests.registries.double import Double, Handler, listing, says
from worker.domain.image import FetchFailed, ImageRef
from worker.domain.registry.addresses import parse_address
from worker.registries import Caps, Credentials, Registries, parse_mirror
from worker.registries.auth import authorizer, tokens
from worker.registries.http import session
from worker.registries.http.guard import Guard, GuardedAdapter, _BoundedSocket
from worker.registries.http.origin import parse_url
from worker.registries.tags import oci as oci_tags

Make = Callable[..., Registries]
Oci = Callable[..., ImageRef]
Start = Callable[..., Double]
Patch = pytest.MonkeyPatch
PATH = "/v2/app/tags/list"
PAUSE = threading.Event()
GUARDED = pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "guard-removed"])
BASIC = "Basic " + base64.b64encode(f"robot$ci:{SECRET}".encode()).decode()


@pytest.fixture
def trap(start: Start, double: Double) -> Double:
    """The attacker's server: at the port of the registry, so that a name can lead to either."""
    trap = start("127.0.0.2", double.port)
    trap.tags["app"] = ["stolen"]
    return trap


def attempt(registries: Registries, ref: ImageRef) -> str:
    """The reason of the failure, or "listed"."""
    try:
        registries.fetch(ref)
    except FetchFailed as failed:
        return failed.reason
    return "listed"


def demand(challenge: str) -> Callable[[Handler], bool]:
    def before(handler: Handler) -> bool:
        if handler.asked.authorization or not handler.asked.path.startswith("/v2/"):
            return False
        handler.reply(401, b"", {"WWW-Authenticate": challenge})
        return True

    return before


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
    double.before = demand(f'Bearer realm="{trap.url}/token",service="registry"')
    trap.behaviours["/token"] = says(200, {"token": "t"})
    if not guarded:
        monkeypatch.setattr(tokens, "may_ask_for_token", lambda registry, realm: True)
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert trap.authorizations == ([] if guarded else [BASIC])
    assert (reason == "refused") is guarded


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
    double.before, trap.before = demand('Basic realm="x"'), demand('Basic realm="x"')
    double.behaviours[PATH] = listing("a", link=f"<{trap.url}{PATH}>; rel=next")
    if not guarded:
        monkeypatch.setattr(oci_tags, "following", lambda url, reference, visited: urljoin(url, reference))
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert bool(trap.asked) is not guarded
    assert trap.authorizations == [], "the account is its registry's, whatever leads elsewhere"
    assert (reason == "refused") is guarded


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
    double.before = demand('Basic realm="x"')
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
    double.before, trap.before = demand('Basic realm="x"'), demand('Basic realm="x"')
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{PATH}"})
    made = registries(
        f"http://{double.authority},http://{trap.authority}", credentials=credentials(double.authority)
    )
    # The second time it is known beforehand what the registry demands, and the redirect comes first.
    for _ in range(2):
        assert attempt(made, oci(double.authority, credential="robot")) == "auth_failed"
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
    double.before = demand('Basic realm="x"')
    double.behaviours[PATH] = says(307, b"", {"Location": f"{trap.url}{PATH}"})
    asks = demand('Basic realm="x"' if scheme == "basic" else f'Bearer realm="{trap.url}/token"')
    trap.before = lambda handler: "last" in handler.asked.query and asks(handler)
    trap.behaviours[PATH] = listing("a", link=f"<{PATH}?last=a>; rel=next")
    trap.behaviours["/token"] = says(200, {"token": "t"})
    if not guarded:
        monkeypatch.setattr(authorizer.Account, "at", lambda account, origin: account._replace(home=origin))
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
    double.before = demand('Basic realm="x"')
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
    assert attempt(made, oci(double.authority, credential="robot")) == "auth_failed"
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
    double.before = demand('Basic realm="x"')
    double.tags["app"] = ["1.0"]
    if not guarded:
        monkeypatch.setattr(Credentials, "fits", staticmethod(lambda credential, host: True))
    made = registries(f"http://{double.authority}", credentials=credentials("registry.example"))
    reason = attempt(made, oci(double.authority, credential="robot"))
    assert double.authorizations == ([] if guarded else [BASIC])
    assert reason == ("auth_failed" if guarded else "listed")


@GUARDED
def test_another_tenants_credential(credentials: Callable[..., Credentials], guarded: bool) -> None:
    """The domains of a credential are its guard; without them in the file, all would pass."""
    domains = ("domain-a",) if guarded else ("*",)
    with Registries(credentials=credentials("registry.example", domains=domains)) as made:
        assert made.may_use("robot", "domain-a", "registry.example")
        assert made.may_use("robot", "domain-b", "registry.example") is not guarded
        assert not made.may_use("robot", "domain-a", "other.example")
        assert not made.may_use("unknown", "domain-a", "registry.example")
        assert made.may_use(None, "domain-b", "registry.example")


@pytest.fixture
def dialled(monkeypatch: Patch) -> list[str]:
    """The addresses that would have been dialled; nothing is."""
    addresses: list[str] = []

    def connect(self: _BoundedSocket, where: tuple[str, int]) -> None:
        addresses.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(_BoundedSocket, "connect", connect)
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
    assert attempt(made, oci("registry.test")) == ("refused" if guarded else "unavailable")
    assert dialled == ([] if guarded else [str(parse_address(address))])


def test_one_bad_address_among_good_ones_refuses_the_name(
    registries: Make, oci: Oci, dialled: list[str]
) -> None:
    made = registries("registry.test", resolver=lambda host, port: ["8.8.8.8", "127.0.0.1"])
    assert attempt(made, oci("registry.test")) == "refused"
    assert dialled == []


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "0.0.0.0", "fd00:ec2::254"])
def test_a_metadata_service_is_not_asked_even_if_it_is_allowed(
    registries: Make, oci: Oci, dialled: list[str], address: str
) -> None:
    made = registries("registry.test,0.0.0.0/0,::/0", resolver=lambda host, port: [address])
    assert attempt(made, oci("registry.test")) == "refused"
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
    assert attempt(made, oci(double.authority)) == ("refused" if guarded else "listed")
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
        double.before = demand(f'Bearer realm="{trap.url}/token"')
        monkeypatch.setattr(tokens, "may_ask_for_token", lambda registry, realm: True)
    else:
        double.behaviours[PATH] = listing("a", link=f"<{trap.url}{PATH}>; rel=next")
        monkeypatch.setattr(oci_tags, "following", lambda url, reference, visited: urljoin(url, reference))
    if not guarded:
        monkeypatch.setattr(Guard, "check_url", lambda self, url: parse_url(url)[0])
        monkeypatch.setattr(Guard, "_may_dial", lambda self, host, port, address: True)
    reason = attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert (reason == "refused") is guarded
    assert bool(trap.asked) is not guarded


def test_a_redirect_to_a_mirror_from_elsewhere(
    double: Double, trap: Double, registries: Make, oci: Oci
) -> None:
    """What the operator trusts for one type of registry is not open to what another registry says."""
    double.behaviours[PATH] = says(302, b"", {"Location": f"{trap.url}{PATH}"})
    made = registries(f"http://{double.authority}", mirrors={"GITHUB": parse_mirror(trap.url)})
    assert made.fetch(ImageRef("GITHUB", "ghcr.io", "app")).tags == ("stolen",)
    assert attempt(made, oci(double.authority)) == "refused"
    assert len(trap.asked) == 1
    mirrors = {"GITHUB": parse_mirror(trap.url), "OCI": parse_mirror(double.url)}
    assert attempt(registries(mirrors=mirrors), oci("8.8.8.8")) == "refused"
    assert len(trap.asked) == 1


def test_a_redirect_without_end(double: Double, registries: Make, oci: Oci) -> None:
    double.behaviours[PATH] = says(302, b"", {"Location": f"{PATH}?again"})
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "refused"
    assert len(double.asked) == 4


@GUARDED
def test_a_compression_bomb(
    double: Double, registries: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    tags = b'{"tags": ["' + b"a" * (96 << 20) + b'"]}'
    bomb = gzip.compress(tags, compresslevel=1)
    del tags
    assert len(bomb) < 1 << 20
    double.behaviours[PATH] = says(200, bomb, {"Content-Encoding": "gzip"})
    if not guarded:
        monkeypatch.setattr(session, "_read", lambda response, limit: response.content)
    made = registries(f"http://{double.authority}")
    tracemalloc.start()
    try:
        reason = attempt(made, oci(double.authority))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (reason == "unavailable") is guarded
    assert (peak < 32 << 20) is guarded


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "zstd"])
def test_an_encoding_that_was_not_asked_for(
    double: Double, registries: Make, oci: Oci, encoding: str
) -> None:
    double.behaviours[PATH] = says(200, {"tags": []}, {"Content-Encoding": encoding})
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "unavailable"


class _SessionAdapter(GuardedAdapter):
    """What an ordinary requests session would do around the same adapter."""

    def send(self, request: requests.PreparedRequest, **kwargs: object) -> requests.Response:  # type: ignore[override]
        if not hasattr(self, "session"):
            self.session = requests.Session()
        return self.session.get(str(request.url), headers=dict(request.headers), stream=True, timeout=5)

    def close(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
        super().close()


@pytest.fixture
def sessions(monkeypatch: Patch) -> Callable[[], None]:
    """Takes the guard out: requests go through an ordinary session."""
    return lambda: monkeypatch.setattr("worker.registries.http.pools.GuardedAdapter", _SessionAdapter)


@GUARDED
def test_cookies(
    double: Double, registries: Make, oci: Oci, sessions: Callable[[], None], guarded: bool
) -> None:
    double.behaviours[PATH] = says(200, {"tags": []}, {"Set-Cookie": "session=1; Path=/"})
    if not guarded:
        sessions()
    made = registries(f"http://{double.authority}")
    made.fetch(oci(double.authority))
    made.fetch(oci(double.authority))
    assert ("cookie" in double.asked[1].headers) is not guarded


@GUARDED
def test_a_proxy_of_the_environment(
    double: Double,
    trap: Double,
    registries: Make,
    oci: Oci,
    sessions: Callable[[], None],
    monkeypatch: Patch,
    guarded: bool,
) -> None:
    double.tags["app"] = []
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, trap.url)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.delenv("NO_PROXY", raising=False)
    if not guarded:
        sessions()
    attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert bool(trap.asked) is not guarded


@GUARDED
def test_a_netrc_of_the_environment(
    double: Double,
    registries: Make,
    oci: Oci,
    sessions: Callable[[], None],
    monkeypatch: Patch,
    tmp_path: Path,
    guarded: bool,
) -> None:
    double.tags["app"] = []
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    if not guarded:
        sessions()
    registries(f"http://{double.authority}").fetch(oci(double.authority))
    assert bool(double.authorizations) is not guarded


def _endless(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(4096):
        handler.raw(b"4000\r\n" + b" " * 0x4000 + b"\r\n")


def test_an_endless_body(double: Double, registries: Make, oci: Oci) -> None:
    double.behaviours[PATH] = _endless
    assert attempt(registries(f"http://{double.authority}"), oci(double.authority)) == "unavailable"


@GUARDED
def test_a_page_that_is_too_large(
    double: Double, registries: Make, oci: Oci, monkeypatch: Patch, guarded: bool
) -> None:
    double.behaviours[PATH] = says(200, b'{"tags": []' + b" " * (9 << 20) + b"}")
    if not guarded:
        monkeypatch.setattr(session, "_read", lambda response, limit: response.content)
    reason = attempt(registries(f"http://{double.authority}"), oci(double.authority))
    assert reason == ("unavailable" if guarded else "listed")


def _drip(data: bytes, handler: Handler) -> None:
    for byte in data:
        handler.raw(bytes([byte]))
        PAUSE.wait(0.03)


@GUARDED
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("where", ["headers", "body", "continue"])
def test_a_slow_drip(
    start: Start,
    registries: Make,
    oci: Oci,
    server_context: Callable[[], object],
    certificate: tuple[Path, Path],
    monkeypatch: Patch,
    guarded: bool,
    where: str,
    tls: bool,
) -> None:
    """Bytes that keep coming, each long before the read timeout, for longer than an image may take."""
    registry = start(tls=server_context() if tls else None)
    body = b'{"tags": []}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)

    def drip(handler: Handler) -> None:
        if where == "headers":
            _drip(head, handler)
            handler.raw(body)
        elif where == "body":
            handler.raw(head)
            _drip(body, handler)
        else:
            for _ in range(12):
                handler.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
                PAUSE.wait(0.03)
            handler.raw(head + body)

    registry.behaviours[PATH] = drip
    if not guarded:
        monkeypatch.setattr(session, "until", lambda ends: contextlib.nullcontext())
    made = registries(
        f"{'' if tls else 'http://'}{registry.authority}",
        caps=Caps(image_s=0.2, read_s=10),
        ca_files={registry.authority: str(certificate[0])},
    )
    assert attempt(made, oci(registry.authority)) == ("unavailable" if guarded else "listed")


def test_the_time_of_an_image_covers_all_its_pages(double: Double, registries: Make, oci: Oci) -> None:
    """Given pages that are each fast enough, then their sum still is not."""

    def page(handler: Handler) -> None:
        number = int(handler.asked.query.get("last", 0)) + 1
        handler.reply(200, {"tags": []}, {"Link": f"<{PATH}?last={number}>; rel=next"})

    double.behaviours[PATH] = page
    made = registries(f"http://{double.authority}", caps=Caps(image_s=0.2, pages=1_000_000))
    assert attempt(made, oci(double.authority)) == "unavailable"


def test_the_wait_for_the_budget_is_not_the_images(double: Double, registries: Make, oci: Oci) -> None:
    def take() -> None:
        PAUSE.wait(2.5)

    double.tags["app"] = ["1.0"]
    made = registries(f"http://{double.authority}", caps=Caps(image_s=2))
    assert made.fetch(oci(double.authority), take).tags == ("1.0",)


def test_a_failure_does_not_tell_what_listens_inside(double: Double, registries: Make, oci: Oci) -> None:
    """It is the same whether something listens at the port or not."""
    failures = []
    for port in (double.port, 1):
        made = registries(
            f"registry.test:{port}", resolver=lambda host, port: ["127.0.0.1"], caps=Caps(connect_s=1)
        )
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(f"registry.test:{port}"))
        failures.append((failed.value.reason, failed.value.detail))
    assert failures[0] == failures[1]
