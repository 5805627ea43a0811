"""Given cloud registries, then boto3 and google-auth give their passwords, once for as long as they last."""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.registries.double import Double, demands
from tests.support.clock import FakeClock
from worker.domain.image import FetchFailed, ImageRef
from worker.domain.registry.hosts import REGISTRY_TYPES
from worker.registries import KINDS, CredentialError, parse_mirror
from worker.registries.auth.credentials import Credential, parse_credentials
from worker.registries.auth.logins import Login, Logins
from worker.registries.registries import Registries

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class BotoCoreError(Exception):
    """botocore's."""


class BotoConnectionError(BotoCoreError):
    """botocore's ``ConnectionError``."""


class HTTPClientError(BotoCoreError):
    """botocore's."""


class ClientError(Exception):
    """botocore's, with the answer of AWS."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": code}}


class GoogleAuthError(Exception):
    """google-auth's."""

    def __init__(self, retryable: bool = False) -> None:
        super().__init__()
        self.retryable = retryable


class TransportError(GoogleAuthError):
    """google-auth's."""


@pytest.fixture
def faults() -> list[Exception]:
    """The first of them is what AWS answers with."""
    return []


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, faults: list[Exception]) -> list[dict[str, Any]]:
    """A stand-in for boto3; the calls made to it."""
    calls: list[dict[str, Any]] = []

    class Session:
        def __init__(self, profile_name: str | None) -> None:
            self.profile = profile_name

        def client(self, service: str, region_name: str, config: object) -> SimpleNamespace:
            def get_authorization_token() -> dict[str, Any]:
                if faults:
                    raise faults[0]
                calls.append({"service": service, "region": region_name, "profile": self.profile})
                token = base64.b64encode(f"AWS:password-{len(calls)}".encode()).decode()
                data = {"authorizationToken": token, "expiresAt": NOW + timedelta(hours=12)}
                return {"authorizationData": data if service == "ecr-public" else [data]}

            return SimpleNamespace(get_authorization_token=get_authorization_token)

    boto3, botocore = ModuleType("boto3"), ModuleType("botocore")
    boto3.session = SimpleNamespace(Session=Session)  # type: ignore[attr-defined]
    config, exceptions = ModuleType("botocore.config"), ModuleType("botocore.exceptions")
    config.Config = dict  # type: ignore[attr-defined]
    exceptions.BotoCoreError, exceptions.ConnectionError = BotoCoreError, BotoConnectionError  # type: ignore[attr-defined]
    exceptions.HTTPClientError, exceptions.ClientError = HTTPClientError, ClientError  # type: ignore[attr-defined]
    for module in (boto3, botocore, config, exceptions):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


def credential(**kwargs: str) -> Credential:
    return Credential.model_validate({"name": "cloud"} | kwargs)


def test_private_ecr(aws: list[dict[str, Any]]) -> None:
    clock = FakeClock(NOW)
    logins = Logins(clock)
    login_of = KINDS["AWS_PRIVATE_ECR"].login
    login = logins.get(login_of, credential(provider="aws", profile="prod"), ECR)
    assert (login.username, login.password) == ("AWS", "password-1")
    assert aws == [{"service": "ecr", "region": "eu-west-1", "profile": "prod"}]
    clock.advance(11 * 3600)
    assert logins.get(login_of, credential(provider="aws"), ECR).password == "password-1"
    clock.advance(3600 - 60)
    assert logins.get(login_of, credential(provider="aws"), ECR).password == "password-2"
    assert "password" not in repr(login)


def test_public_ecr(aws: list[dict[str, Any]]) -> None:
    login = KINDS["AWS_PUBLIC_ECR"].login(credential(provider="aws"), "public.ecr.aws")
    assert login.password == "password-1"
    assert aws[0]["service"] == "ecr-public"
    assert aws[0]["region"] == "us-east-1"


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for google-auth; the ``timeouts`` of its requests, and the ``fault`` that it raises."""
    stand_in = SimpleNamespace(timeouts=[], fault=None)

    class Identity:
        token = "ya29"
        expiry = NOW.replace(tzinfo=None)

        def refresh(self, request: Callable[..., object]) -> None:
            if stand_in.fault:
                raise stand_in.fault
            request("https://oauth2.example/token", method="POST")

    def send(url: str, method: str, timeout: float) -> None:
        stand_in.timeouts.append(timeout)

    modules = {
        name: ModuleType(name)
        for name in (
            "google",
            "google.auth",
            "google.auth.exceptions",
            "google.auth.transport",
            "google.auth.transport.requests",
            "google.oauth2",
            "google.oauth2.service_account",
        )
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    modules["google.auth"].default = lambda scopes: (Identity(), "project")  # type: ignore[attr-defined]
    modules["google.auth.exceptions"].GoogleAuthError = GoogleAuthError  # type: ignore[attr-defined]
    modules["google.auth.exceptions"].TransportError = TransportError  # type: ignore[attr-defined]
    modules["google.auth.transport.requests"].Request = lambda: send  # type: ignore[attr-defined]
    return stand_in


def test_google(google: SimpleNamespace) -> None:
    login = KINDS["GCP_ARTIFACT_REGISTRY"].login(credential(provider="gcp"), "europe-docker.pkg.dev")
    assert (login.username, login.password) == ("oauth2accesstoken", "ya29")
    assert login.expires == NOW.timestamp()
    assert google.timeouts == [10]


def _because(fault: Exception, cause: Exception) -> Exception:
    fault.__cause__ = cause
    return fault


@pytest.mark.parametrize(
    ("fault", "is_outage"),
    [
        (TransportError(), True),
        (GoogleAuthError(retryable=True), True),
        (_because(GoogleAuthError(), TransportError()), True),
        (GoogleAuthError(), False),
        (OSError(), False),
    ],
)
def test_a_google_that_is_away_is_not_one_that_refuses(
    google: SimpleNamespace, fault: Exception, is_outage: bool
) -> None:
    google.fault = fault
    with pytest.raises(FetchFailed if is_outage else CredentialError, match="Google gave no token"):
        KINDS["GCP_ARTIFACT_REGISTRY"].login(credential(provider="gcp"), "europe-docker.pkg.dev")


@pytest.mark.parametrize(
    ("fault", "is_outage"),
    [
        (BotoConnectionError(), True),
        (HTTPClientError(), True),
        (ClientError(503, "ServiceUnavailable"), True),
        (ClientError(400, "ThrottlingException"), True),
        (ClientError(400, "AccessDeniedException"), False),
        (BotoCoreError(), False),
    ],
)
def test_an_aws_that_is_away_is_not_one_that_refuses(
    aws: list[dict[str, Any]], faults: list[Exception], fault: Exception, is_outage: bool
) -> None:
    faults.append(fault)
    with pytest.raises(FetchFailed if is_outage else CredentialError, match="AWS gave no token"):
        KINDS["AWS_PRIVATE_ECR"].login(credential(provider="aws"), ECR)


def test_a_cloud_that_hangs_keeps_no_other_login_waiting() -> None:
    logins, asked, answer = Logins(FakeClock()), threading.Event(), threading.Event()

    def hangs(credential: Credential, host: str) -> Login:
        asked.set()
        answer.wait(90)
        return Login("AWS", "late", None)

    thread = threading.Thread(target=logins.get, args=(hangs, credential(provider="aws"), ECR))
    thread.start()
    try:
        assert asked.wait(30)
        login = Login("AWS", "password", NOW.timestamp())
        elsewhere = ECR.replace("eu-west-1", "us-east-1")
        got: list[Login] = []
        other = threading.Thread(
            target=lambda: got.append(
                logins.get(lambda credential, host: login, credential(provider="aws"), elsewhere)
            )
        )
        other.start()
        other.join(30)
        assert got == [login]
    finally:
        answer.set()
        thread.join(30)


@pytest.mark.parametrize(
    ("kind", "provider", "missing"),
    [("AWS_PRIVATE_ECR", "aws", "boto3"), ("GCP_ARTIFACT_REGISTRY", "gcp", "google")],
)
def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, kind: str, provider: str, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CredentialError, match=f"install the extra `{provider}`"):
        KINDS[kind].login(credential(provider=provider), ECR)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_provider_that_does_not_fit(kind: str) -> None:
    provider = "gcp" if kind.startswith("AWS") else "aws"
    with pytest.raises(CredentialError, match="does not fit"):
        KINDS[kind].login(credential(provider=provider), ECR)


@pytest.mark.parametrize("named", ["AWS_PRIVATE_ECR", "OCI", "HARBOR"])
def test_a_plugin_that_names_the_host_by_another_type_does_not_keep_others_from_it(
    aws: list[dict[str, Any]],
    double: Double,
    registries: Callable[..., Registries],
    tmp_path: Path,
    named: str,
) -> None:
    """An image is one document, whose type is that of the plugin that came first."""
    double.tags["app"] = ["1.0"]
    entry = {"hosts": [ECR, double.authority], "domains": ["*"], "provider": "aws"}
    made = registries(
        mirrors={"AWS_PRIVATE_ECR": parse_mirror(double.url)},
        credentials=parse_credentials({"ecr": entry}, tmp_path),
    )
    assert made.fetch(ImageRef(named, ECR, "app", "ecr")).tags == ("1.0",)
    assert len(aws) == 1


def test_every_type_of_the_contract_is_a_kind_of_registry() -> None:
    assert KINDS.keys() == REGISTRY_TYPES


def test_without_a_credential_nobodys_identity_is_used(
    aws: list[dict[str, Any]], double: Double, registries: Callable[..., Registries], tmp_path: Path
) -> None:
    """Given a worker that runs as somebody at AWS, then plugins that name no credential do not."""
    double.before = demands('Basic realm="x"', always=True)
    entry = {"hosts": [ECR, double.authority], "domains": ["*"], "provider": "aws"}
    made = registries(
        mirrors={"AWS_PRIVATE_ECR": parse_mirror(double.url)},
        credentials=parse_credentials({"ecr": entry}, tmp_path),
    )
    for name, calls in ((None, 0), ("ecr", 1)):
        with pytest.raises(FetchFailed) as failed:
            made.fetch(ImageRef("AWS_PRIVATE_ECR", ECR, "app", name))
        assert failed.value.reason == "auth"
        assert (len(aws), len(double.authorizations)) == (calls, calls)
