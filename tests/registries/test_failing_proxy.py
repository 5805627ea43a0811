"""Given a proxy that makes no tunnel, then it is said that it was the proxy, and nothing hangs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from itertools import repeat

import pytest

from tests.registries.attacks import GUARDED, PATH, Make, Oci, attempt
from tests.registries.double import Double, says
from tests.registries.forward_proxy import Answer, ForwardProxy, says_status
from worker.domain.image import FetchFailed, NoAnswer
from worker.registries import Caps
from worker.registries.http import bounds, guard
from worker.registries.http.bounds import BoundedSocket
from worker.registries.http.proxy import Proxy

PUBLIC = ["93.184.216.34", "93.184.216.35", "93.184.216.36", "93.184.216.37"]


@pytest.fixture
def proxy(closing: ExitStack, double: Double) -> ForwardProxy:
    double.tags["app"] = ["1.0"]
    return closing.enter_context(ForwardProxy(double.port))


@pytest.fixture
def failure(registries: Make, oci: Oci, proxy: ForwardProxy) -> Callable[..., FetchFailed]:
    """What becomes of an image behind the proxy."""

    def fetch(port: int | None = None, addresses: int = 1, caps: Caps | None = None) -> FetchFailed:
        made = registries(
            "http://registry.test",
            resolver=lambda host, _: PUBLIC[:addresses],
            proxy=Proxy("127.0.0.1", port or proxy.port),
            caps=caps or Caps(),
        )
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci("registry.test"))
        return failed.value

    return fetch


def _silent(client: socket.socket) -> None:
    """Say nothing until the other side hangs up; whoever waits too long is told something else."""
    client.settimeout(5)
    try:
        client.recv(1)
    except TimeoutError:
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


def _endless(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in repeat(None):
        client.sendall(b"X: y\r\n")


def _says(data: bytes) -> Answer:
    return lambda client: client.sendall(data)


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (says_status(403), "not_allowed", "the proxy does not allow that (403)"),
        (says_status(407), "unreachable", "the proxy demands a login (407)"),
        (says_status(502), "unreachable", "the proxy does not reach it (502)"),
        (says_status(503, b"Retry-After: 9\r\n"), "unreachable", "the proxy does not reach it (503)"),
        (says_status(504), "unreachable", "the proxy does not reach it (504)"),
        (says_status(429), "unreachable", "the proxy makes no tunnel (429)"),
        (says_status(302, b"Location: http://login.test/\r\n"), "unreachable", "makes no tunnel (302)"),
        (_says(b""), "unreachable", "does not speak HTTP"),
        (_says(b"HTTP/1.1 2"), "unreachable", "does not speak HTTP"),
        (_says(b"SSH-2.0-OpenSSH_9\r\n"), "unreachable", "does not speak HTTP"),
        (_says(b"\x05\x00"), "unreachable", "does not speak HTTP"),
        (_says(b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n"), "unreachable", "does not speak HTTP"),
        (_endless, "unreachable", "does not speak HTTP"),
    ],
)
def test_what_a_proxy_may_say(
    proxy: ForwardProxy,
    failure: Callable[..., FetchFailed],
    double: Double,
    answer: Answer,
    reason: str,
    said: str,
) -> None:
    proxy.answers[""] = answer
    failed = failure()
    assert failed.reason == reason
    assert failed.detail.startswith("no way to registry.test: ")
    assert said in failed.detail
    assert failed.retry_after is None
    # The circuit of the host counts all but a plain no.
    assert isinstance(failed, NoAnswer) is (reason != "not_allowed")
    assert double.asked == []


def test_a_silent_proxy(proxy: ForwardProxy, failure: Callable[..., FetchFailed]) -> None:
    proxy.answers[""] = _silent
    failed = failure(caps=Caps(connect_s=0.2))
    assert (failed.reason, failed.detail) == (
        "timeout",
        "no way to registry.test: the proxy does not answer in time",
    )


@GUARDED
def test_a_proxy_that_never_comes_to_its_answer(
    proxy: ForwardProxy,
    failure: Callable[..., FetchFailed],
    monkeypatch: pytest.MonkeyPatch,
    guarded: bool,
) -> None:
    monkeypatch.setattr(bounds, "_PIECES", 1_000 if guarded else 2**63)

    def interim(client: socket.socket) -> None:
        for _ in range(200):
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        client.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")

    proxy.answers[""] = interim
    assert ("502" in failure().detail) is not guarded


def test_a_proxy_that_is_not_there(failure: Callable[..., FetchFailed]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failed = failure(port)
    assert (failed.reason, failed.detail) == (
        "unreachable",
        "no way to registry.test: the proxy is not reached",
    )


@GUARDED
def test_a_proxy_whose_name_leads_to_a_metadata_service(
    registries: Make, oci: Oci, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """It would be given the login of the proxy."""
    dialled: list[str] = []

    def connect(self: BoundedSocket, where: tuple[str, int]) -> None:
        dialled.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(BoundedSocket, "connect", connect)
    if not guarded:
        monkeypatch.setattr(guard, "is_forbidden", lambda address: False)
    made = registries(
        "http://registry.test",
        resolver=lambda host, port: ["169.254.169.254"] if host == "proxy.corp" else PUBLIC[:1],
        proxy=Proxy("proxy.corp", 3128, "Basic c2VjcmV0"),
    )
    assert attempt(made, oci("registry.test")) == "unreachable"
    assert dialled == ([] if guarded else ["169.254.169.254"])


def test_another_address_is_tried_where_the_proxy_reaches_none(
    proxy: ForwardProxy, registries: Make, oci: Oci
) -> None:
    proxy.answers[f"{PUBLIC[0]}:80"] = says_status(502)
    made = registries(
        "http://registry.test",
        resolver=lambda host, port: PUBLIC[:2],
        proxy=Proxy("127.0.0.1", proxy.port),
    )
    assert made.fetch(oci("registry.test")).tags == ("1.0",)
    assert proxy.targets == [f"{address}:80" for address in PUBLIC[:2]]


@pytest.mark.parametrize(("status", "tries"), [(502, 3), (403, 1), (407, 1)])
def test_so_many_addresses_are_tried(
    proxy: ForwardProxy, failure: Callable[..., FetchFailed], status: int, tries: int
) -> None:
    proxy.answers[""] = says_status(status)
    failure(addresses=4)
    assert len(proxy.asked) == tries


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_registry_is_not_told_what_the_proxy_refuses_elsewhere(
    double: Double, proxy: ForwardProxy, failure: Callable[..., FetchFailed], status: int
) -> None:
    """The operator is: by the detail."""
    double.behaviours[PATH] = says(302, b"", {"Location": "https://other.test/x"})
    proxy.answers[f"{PUBLIC[0]}:443"] = says_status(status)
    failed = failure()
    assert (failed.reason, type(failed)) == ("unreachable", NoAnswer)
    assert failed.detail.startswith("no way to other.test: ")
    assert f"({status})" in failed.detail
