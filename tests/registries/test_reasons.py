"""Each way in which a registry gives no list has its own reason and detail."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.registries.attacks import PATH, Make, Oci, Start
from tests.registries.double import Behaviour, Double, Handler, demands, says
from worker.domain.image import DETAIL_MAX, FetchFailed, NoAnswer
from worker.registries import Caps

LOGIN_PAGE = b"<!DOCTYPE html><html><body>Please log in, token=hunter2</body></html>"


def failure(registries: Make, oci: Oci, host: str, **options: object) -> FetchFailed:
    with pytest.raises(FetchFailed) as failed:
        registries(f"http://{host}", **options).fetch(oci(host))
    return failed.value


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (says(401, b""), "auth", "does not let us in (status 401)"),
        (says(403, {"errors": [{"code": "DENIED"}]}), "auth", "does not let us in (status 403)"),
        (says(403, {"errors": [{"code": "TOOMANYREQUESTS"}]}), "auth", "(status 403)"),
        (says(404, {"errors": [{"code": "NAME_UNKNOWN"}]}), "not_found", "has nothing of that name"),
        (says(429, LOGIN_PAGE), "throttled", "asks to be left alone (status 429)"),
        (says(503, b""), "throttled", "asks to be left alone (status 503)"),
        (says(400, b""), "refused", "answers with status 400"),
        (says(405, b""), "refused", "answers with status 405"),
        (says(407, b""), "refused", "a proxy in front of"),
        (says(451, b""), "refused", "for legal reasons"),
        (says(500, LOGIN_PAGE), "refused", "answers with status 500"),
        (says(502, b""), "refused", "answers with status 502"),
        (says(504, b""), "refused", "answers with status 504"),
        (says(204, b""), "malformed", "answers with status 204"),
        (says(304, b""), "malformed", "answers with status 304"),
        (says(200, LOGIN_PAGE), "malformed", "HTML or XML, such as a login page"),
        (says(200, b"\xef\xbb\xbf\r\n <html>"), "malformed", "HTML or XML"),
        (says(200, b"<?xml version='1.0'?><Error/>"), "malformed", "HTML or XML"),
        (says(200, b""), "malformed", "it is empty"),
        (says(200, b"hunter2"), "malformed", "not a JSON object"),
        (says(200, {"errors": [{"code": "DENIED"}]}), "malformed", "an error with code DENIED"),
        (says(200, {"errors": [{"code": "TOOMANYREQUESTS"}]}), "malformed", "code TOOMANYREQUESTS"),
        (says(200, {"errors": [{"code": "hunter2"}]}), "malformed", "JSON without a list of tags"),
        (says(200, {"errors": ["DENIED"]}), "malformed", "JSON without a list of tags"),
        (says(200, {"errors": [{"code": ["DENIED"]}]}), "malformed", "JSON without a list of tags"),
        (says(302, b"", {"Location": "http://login.test/"}), "not_allowed", "and plain HTTP needs that"),
        (says(302, b"", {"Location": "https://user@login.test/"}), "not_allowed", "a URL that may not be"),
        (says(302, b"", {"Location": PATH}), "not_allowed", "redirected too often"),
    ],
)
def test_what_a_registry_says(
    double: Double, registries: Make, oci: Oci, answer: Behaviour, reason: str, detail: str
) -> None:
    double.behaviours[PATH] = answer
    failed = failure(registries, oci, double.authority)
    assert failed.reason == reason
    assert detail in failed.detail
    assert "hunter2" not in str(failed)


def test_a_redirect_to_a_login_page(double: Double, registries: Make, oci: Oci) -> None:
    double.behaviours[PATH] = says(302, b"", {"Location": "/login"})
    double.behaviours["/login"] = says(200, LOGIN_PAGE)
    failed = failure(registries, oci, double.authority)
    assert (failed.reason, "login page" in failed.detail) == ("malformed", True)


@pytest.mark.parametrize(
    ("realm", "detail"),
    [
        ("https://auth.elsewhere.test/token", "the token realm auth.elsewhere.test is another's"),
        ("https://10.0.0.1/token", "the token realm 10.0.0.1 is another's"),
        ("/token", "is not a plain http or https URL"),
        ("https://hunter2@elsewhere.test/", "is not a plain http or https URL"),
    ],
)
def test_a_realm_that_is_not_asked(
    double: Double, registries: Make, oci: Oci, realm: str, detail: str
) -> None:
    double.before = demands(f'Bearer realm="{realm}",service="x"')
    failed = failure(registries, oci, double.authority)
    assert failed.reason == "not_allowed"
    assert detail in failed.detail
    assert "hunter2" not in str(failed)


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (says(403, b""), "auth", "does not let us in (status 403)"),
        (says(404, b""), "auth", "(status 404)"),
        (says(429, b""), "throttled", "asks to be left alone"),
        (says(500, b""), "refused", "answers with status 500"),
        (says(200, LOGIN_PAGE), "malformed", "not a token"),
    ],
)
def test_what_a_token_service_says(
    double: Double, registries: Make, oci: Oci, answer: Behaviour, reason: str, detail: str
) -> None:
    double.before = demands(f'Bearer realm="{double.url}/token"')
    double.behaviours["/token"] = answer
    failed = failure(registries, oci, double.authority)
    assert (failed.reason, detail in failed.detail) == (reason, True), failed


def raw(data: bytes) -> Behaviour:
    def answer(handler: Handler) -> None:
        handler.raw(data)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize(
    ("data", "reason", "detail", "answered"),
    [
        (b"", "unreachable", "the connection is closed", False),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "malformed", "it is not HTTP", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "unreachable", "it ends early", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "unreachable", "it ends early", True),
    ],
)
def test_an_answer_that_breaks_off(
    double: Double,
    registries: Make,
    oci: Oci,
    data: bytes,
    reason: str,
    detail: str,
    answered: bool,
) -> None:
    double.behaviours[PATH] = raw(data)
    failed = failure(registries, oci, double.authority)
    assert (failed.reason, detail in failed.detail) == (reason, True), failed
    assert isinstance(failed, NoAnswer) is not answered
    assert double.authority in failed.detail


def test_a_host_that_is_silent(registries: Make, oci: Oci) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        failed = failure(registries, oci, host, caps=Caps(read_s=0.1))
    assert (failed.reason, type(failed)) == ("timeout", NoAnswer)


def test_a_host_that_nobody_listens_at(double: Double, registries: Make, oci: Oci) -> None:
    double.close()
    failed = failure(registries, oci, double.authority)
    assert (failed.reason, type(failed)) == ("unreachable", NoAnswer)
    assert "the connection is refused" in failed.detail


def test_a_name_that_is_not_known(registries: Make, oci: Oci) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "secret words of the resolver")

    failed = failure(registries, oci, "registry.test", resolver=unknown)
    assert (failed.reason, type(failed)) == ("unreachable", NoAnswer)
    assert failed.detail == "no answer from registry.test: its name is not known"


def test_a_name_that_leads_inside(registries: Make, oci: Oci) -> None:
    failed = failure(registries, oci, "registry.test", resolver=lambda host, port: ["10.9.8.7"])
    assert (failed.reason, "10.9.8.7" in str(failed)) == ("not_allowed", False)


@pytest.fixture
def expired(certificate: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """The certificate, as it was valid until yesterday."""
    path = tmp_path / "expired.pem"
    command = f"openssl x509 -in {certificate[0]} -signkey {certificate[1]} -days -1 -out {path}"
    subprocess.run(command.split(), check=True, capture_output=True, timeout=60)
    return path, certificate[1]


@pytest.mark.parametrize(
    ("name", "fault", "detail"),
    [
        ("registry.test", "expired", "its certificate has expired"),
        ("other.test", "", "its certificate is for another name"),
        ("127.0.0.2", "", "its certificate is for another name"),
        (
            "registry.test",
            "unknown",
            "its certificate is self-signed; PLUGINS_REGISTRY_CA_FILES names roots of trust",
        ),
        ("registry.test", "plain", "it does not speak TLS"),
    ],
)
def test_what_is_wrong_with_tls(
    start: Start,
    registries: Make,
    oci: Oci,
    certificate: tuple[Path, Path],
    expired: tuple[Path, Path],
    name: str,
    fault: str,
    detail: str,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown = expired if fault == "expired" else certificate
    context.load_cert_chain(*shown)
    at = "127.0.0.2" if name == "127.0.0.2" else "127.0.0.1"
    secure = start(at, tls=None if fault == "plain" else context)
    host = f"{name}:{secure.port}"
    made = registries(
        f"{host},127.0.0.0/8",
        resolver=lambda host, port: ["127.0.0.1"],
        ca_files={} if fault == "unknown" else {host: str(shown[0])},
    )
    with pytest.raises(FetchFailed) as failed:
        made.fetch(oci(host))
    assert (failed.value.reason, type(failed.value)) == ("unreachable", NoAnswer)
    assert failed.value.detail == f"no answer from {host}: {detail}"


@pytest.mark.parametrize("way", ["redirect", "realm"])
def test_a_registry_cannot_have_ports_of_others_scanned(
    double: Double,
    registries: Make,
    oci: Oci,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """Whether a port elsewhere is closed, silent, or speaks something else: the reason is the same."""
    closed = start()
    closed.close()
    other = start()
    other.before = lambda handler: _nonsense(handler)
    reasons = set()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (closed.port, other.port, silent.getsockname()[1]):
            target = f"http://127.0.0.1:{port}/x"
            if way == "redirect":
                double.behaviours[PATH] = says(302, b"", {"Location": target})
            else:
                double.before = demands(f'Bearer realm="{target}"')
            made = registries("http://127.0.0.0/8", caps=Caps(read_s=0.1))
            with pytest.raises(FetchFailed) as failed:
                made.fetch(oci(double.authority))
            reasons.add(failed.value.reason)
    assert reasons == {"unreachable"}


@pytest.mark.parametrize("way", ["redirect", "realm"])
def test_a_registry_cannot_look_for_names_of_others(
    double: Double, registries: Make, oci: Oci, way: str
) -> None:
    """Whether a name of our network is known, and may be dialled: only the detail tells it."""
    inside = {"db.example.org": ["10.1.2.3"], "odd.example.org": ["169.254.169.254"]}

    def resolve(name: str, port: int) -> list[str]:
        if name == "registry.example.org":
            return ["127.0.0.1"]
        if name not in inside:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return inside[name]

    host = f"registry.example.org:{double.port}"
    made = registries(f"http://{host},127.0.0.0/8", resolver=resolve)
    found = set()
    for name in (*inside, "nobody.example.org"):
        target = f"https://{name}/x"
        if way == "redirect":
            double.behaviours[PATH] = says(302, b"", {"Location": target})
        else:
            double.before = demands(f'Bearer realm="{target}"')
        with pytest.raises(FetchFailed) as failed:
            made.fetch(oci(host))
        # The type decides whether the circuit of the registry counts it.
        found.add((failed.value.reason, type(failed.value), failed.value.detail.partition(name)[2]))
    assert {(reason, kind) for reason, kind, _ in found} == {("unreachable", NoAnswer)}
    assert len(found) == 3


def _nonsense(handler: Handler) -> bool:
    handler.raw(b"SSH-2.0-OpenSSH_9.9\r\n")
    handler.close_connection = True
    return True


def test_a_detail_is_bounded() -> None:
    assert len(FetchFailed("refused", detail="x" * 5_000).detail) == DETAIL_MAX
