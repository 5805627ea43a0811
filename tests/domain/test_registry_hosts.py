"""Given the registry that a plugin names, then it is one of ours, or refused before anything is dialled."""

import socket
from ipaddress import ip_address

import pytest

from contracts.errors import ContractError, InvalidParameter, RegistryNotAllowed, RequiredParameter
from worker.domain.registry import hosts
from worker.domain.registry.addresses import is_forbidden, is_public, unwrap
from worker.domain.registry.allowed import AllowedRegistries, parse_authority
from worker.domain.registry.hosts import REGISTRY_TYPES, check_registry, type_of

ALLOWED = AllowedRegistries.parse(
    "harbor.corp, http://127.0.0.1:5055, .example.org, 10.1.0.0/16, host:8443, .pkg.dev, gcr.io,"
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com, http://.plain.test, http://[::1]:5000"
)
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was resolved or dialled")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize(
    ("registry_type", "given", "stored"),
    [
        ("DOCKER_HUB", None, "registry.hub.docker.com"),
        ("DOCKER_HUB", "", "registry.hub.docker.com"),
        ("DOCKER_HUB", "registry.hub.docker.com", "registry.hub.docker.com"),
        ("DOCKER_HUB", "Docker.io", "registry.hub.docker.com"),
        ("DOCKER_HUB", "index.docker.io", "registry.hub.docker.com"),
        ("DOCKER_HUB", "registry-1.docker.io", "registry.hub.docker.com"),
        ("AWS_PUBLIC_ECR", "public.ecr.aws", "public.ecr.aws"),
        ("AWS_PUBLIC_ECR", "public.ecr.aws/", "public.ecr.aws"),
        ("AWS_PUBLIC_ECR", "public.ecr.aws/spaceone", "public.ecr.aws/spaceone"),
        ("GITHUB", "ghcr.io", "ghcr.io"),
        ("HARBOR", "Harbor.Corp", "harbor.corp"),
        ("HARBOR", "harbor.corp:443", "harbor.corp"),
        ("OCI", "127.0.0.1:5055", "127.0.0.1:5055"),
        ("OCI", "a.b.example.org", "a.b.example.org"),
        ("OCI", "a.example.org:5000", "a.example.org:5000"),
        ("OCI", "10.1.2.3:5000", "10.1.2.3:5000"),
        ("OCI", "[::1]:5000", "[::1]:5000"),
        ("OCI", "[0:0::1]:5000", "[::1]:5000"),
        ("AWS_PRIVATE_ECR", ECR, ECR),
        ("GCP_ARTIFACT_REGISTRY", "europe-west1-docker.pkg.dev", "europe-west1-docker.pkg.dev"),
        ("GCP_ARTIFACT_REGISTRY", "gcr.io", "gcr.io"),
    ],
)
def test_what_is_stored(registry_type: str, given: str | None, stored: str) -> None:
    assert check_registry(ALLOWED, registry_type, given) == stored
    assert check_registry(ALLOWED, registry_type, stored) == stored


@pytest.mark.parametrize(
    ("registry_type", "given", "error"),
    [
        ("OCI", None, RequiredParameter),
        ("OCI", "", RequiredParameter),
        ("GITHUB", None, RequiredParameter),
        ("AWS_PUBLIC_ECR", None, RequiredParameter),
        ("QUAY", "quay.io", InvalidParameter),
        ("DOCKER_HUB", "ghcr.io", InvalidParameter),
        ("DOCKER_HUB", "docker.io.evil.test", InvalidParameter),
        ("GITHUB", "ghcr.io:8443", InvalidParameter),
        ("AWS_PUBLIC_ECR", "public.ecr.aws/a/b", InvalidParameter),
        ("AWS_PUBLIC_ECR", "public.ecr.aws.evil.test", InvalidParameter),
        ("AWS_PUBLIC_ECR", "public.ecr.aws/../x", InvalidParameter),
        ("AWS_PRIVATE_ECR", "harbor.corp", InvalidParameter),
        ("AWS_PRIVATE_ECR", f"{ECR}.evil.test", InvalidParameter),
        ("AWS_PRIVATE_ECR", ECR.replace("1234", "12345"), InvalidParameter),
        ("GCP_ARTIFACT_REGISTRY", "evil.pkg.dev", InvalidParameter),
        ("OCI", "http://127.0.0.1:5055", InvalidParameter),
        ("OCI", "harbor.corp/path", InvalidParameter),
        ("OCI", "user@harbor.corp", InvalidParameter),
        ("OCI", "harbor.corp:0", InvalidParameter),
        ("OCI", "harbor.corp:65536", InvalidParameter),
        ("OCI", "harbor.corp:", InvalidParameter),
        ("OCI", "harbor corp", InvalidParameter),
        ("OCI", "harbor.corp\n", InvalidParameter),
        ("OCI", "127.1:5055", InvalidParameter),
        ("OCI", "0x7f000001", InvalidParameter),
        ("OCI", "2130706433", InvalidParameter),
        ("OCI", "häfen.example.org", InvalidParameter),
        ("OCI", "evil.test#.example.org", InvalidParameter),
        ("OCI", "evil.test\\.example.org", InvalidParameter),
        ("OCI", "harbor.corp:8443", RegistryNotAllowed),
        ("OCI", "evil.test", RegistryNotAllowed),
        ("OCI", "example.org", RegistryNotAllowed),
        ("OCI", "evilexample.org", RegistryNotAllowed),
        ("OCI", "127.0.0.1", RegistryNotAllowed),
        ("OCI", "127.0.0.1:5056", RegistryNotAllowed),
        ("OCI", "10.2.0.1", RegistryNotAllowed),
        ("OCI", "169.254.169.254", RegistryNotAllowed),
        ("HARBOR", "host", RegistryNotAllowed),
        ("AWS_PRIVATE_ECR", ECR.replace("1234", "9999"), RegistryNotAllowed),
        ("GCP_ARTIFACT_REGISTRY", "eu.gcr.io", RegistryNotAllowed),
    ],
)
def test_what_is_refused(registry_type: str, given: str | None, error: type[ContractError]) -> None:
    with pytest.raises(error) as refused:
        check_registry(ALLOWED, registry_type, given)
    assert refused.value.details["path"] in ("registry_url", "registry_type")


def test_an_empty_list_permits_none() -> None:
    none = AllowedRegistries.parse("")
    for registry_type, host in (("OCI", "8.8.8.8"), ("HARBOR", "harbor.corp"), ("AWS_PRIVATE_ECR", ECR)):
        with pytest.raises(RegistryNotAllowed):
            check_registry(none, registry_type, host)


@pytest.mark.parametrize(
    ("host", "port", "scheme"),
    [
        ("harbor.corp", None, "https"),
        ("127.0.0.1", 5055, "http"),
        ("[::1]", 5000, "http"),
        ("a.plain.test", 5000, "http"),
        ("10.1.2.3", 5000, "https"),
        ("evil.test", None, None),
    ],
)
def test_the_entry_says_how_to_speak(host: str, port: int | None, scheme: str | None) -> None:
    assert ALLOWED.scheme(host, port) == scheme


def test_the_most_exact_entry_decides() -> None:
    allowed = AllowedRegistries.parse("http://.corp,safe.corp,.inner.corp")
    assert [allowed.scheme(host, None) for host in ("a.corp", "safe.corp", "a.inner.corp")] == [
        "http",
        "https",
        "https",
    ]


@pytest.mark.parametrize(
    "entry", ["http://", "10.0.0.1/8", ".", ".a:5", "a b", "ftp://x", "http://a/b", "x:99999", "*", "*.corp"]
)
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^entry (?:2|'10\.0\.0\.1/8'|'\.a:5'): "):
        AllowedRegistries.parse(f"ok.example,{entry}")


def test_who_writes_an_asterisk_is_told_the_form() -> None:
    with pytest.raises(ValueError, match=r"must be \.suffix, without the \*"):
        AllowedRegistries.parse("*.corp.example")


@pytest.mark.parametrize(
    "entry", ["u:s3cr3t@h", "https://u:s3cr3t@h.example", "h.example:s3cr3t", "s3cr3t/x"]
)
def test_an_entry_that_may_hold_a_password_is_not_shown(entry: str) -> None:
    with pytest.raises(ValueError, match=r"^entry 2: must be") as fault:
        AllowedRegistries.parse(f"ok.example,{entry}")
    assert "s3cr3t" not in str(fault.value)


@pytest.mark.parametrize(
    ("host", "port", "address", "may"),
    [
        ("ghcr.io", 443, "140.82.121.34", True),
        ("ghcr.io", 443, "2606:50c0::1", True),
        ("ghcr.io", 443, "10.1.0.1", False),
        ("harbor.corp", 443, "10.1.0.1", True),
        ("harbor.corp", 443, "::ffff:10.1.0.1", True),
        ("harbor.corp", 443, "10.2.0.1", False),
        ("harbor.corp", 22, "10.1.0.1", False),
        ("harbor.corp", 443, "127.0.0.1", False),
        ("127.0.0.1", 5055, "127.0.0.1", True),
        ("127.0.0.1", 5056, "127.0.0.1", False),
        ("[::1]", 5000, "::1", True),
        ("harbor.corp", 443, "169.254.169.254", False),
    ],
)
def test_what_may_be_dialled(host: str, port: int, address: str, may: bool) -> None:
    assert ALLOWED.may_dial(host, port, ip_address(address)) is may


@pytest.mark.parametrize(
    ("address", "real"),
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2002:7f00:1::", "127.0.0.1"),
        ("64:ff9b::a9fe:a9fe", "169.254.169.254"),
        ("2606:50c0::1", "2606:50c0::1"),
        ("8.8.8.8", "8.8.8.8"),
    ],
)
def test_wrapped_addresses(address: str, real: str) -> None:
    assert unwrap(ip_address(address)) == ip_address(real)


def test_public_and_forbidden_exclude_each_other() -> None:
    for text in ("168.63.129.16", "224.0.0.1", "ff02::1", "0.0.0.0", "::", "fe80::1", "64:ff9b::a9fe:a9fe"):
        assert is_forbidden(ip_address(text))
        assert not is_public(ip_address(text))
    for text in ("::127.0.0.1", "fec0::1", "64:ff9b:1::1", "fd00::1", "10.0.0.1", "100.64.0.1", "198.18.0.1"):
        assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    ("host", "named", "real"),
    [
        ("registry.hub.docker.com", "OCI", "DOCKER_HUB"),
        ("ghcr.io", "OCI", "GITHUB"),
        ("public.ecr.aws", "OCI", "AWS_PUBLIC_ECR"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "HARBOR", "AWS_PRIVATE_ECR"),
        ("europe-docker.pkg.dev", "OCI", "GCP_ARTIFACT_REGISTRY"),
        ("eu.gcr.io", "OCI", "GCP_ARTIFACT_REGISTRY"),
        ("harbor.corp", "HARBOR", "HARBOR"),
        ("harbor.corp:8443", "OCI", "OCI"),
        ("ghcr.io.evil.example", "OCI", "OCI"),
    ],
)
def test_a_host_that_is_of_one_type_is_so_however_it_is_named(host: str, named: str, real: str) -> None:
    assert type_of(host, named) == real


def test_every_type_of_the_contract_has_its_hosts_in_one_table() -> None:
    assert sorted([*hosts._FIXED, *hosts._NAMED]) == sorted(REGISTRY_TYPES)


def test_a_row_is_enough_for_a_type_with_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "REGISTRY_TYPES", REGISTRY_TYPES | {"QUAY"})
    monkeypatch.setitem(hosts._FIXED, "QUAY", "quay.io")
    assert check_registry(ALLOWED, "QUAY", "Quay.io/") == "quay.io"
    assert type_of("quay.io", "OCI") == "QUAY"
    assert "QUAY" in hosts.FIXED_TYPES
    with pytest.raises(InvalidParameter, match=r"quay\.io"):
        check_registry(ALLOWED, "QUAY", "harbor.corp")


def test_authorities() -> None:
    assert parse_authority("Registry.Example.:5000") == ("registry.example", 5000)
    assert parse_authority("[::1]") == ("[::1]", None)
