"""Given the settings of registries, then they are read, and a wrong one is named without telling a secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.registries.conftest import SECRET
from worker.registries import (
    Caps,
    CredentialError,
    load_credentials,
    parse_ca_files,
    parse_caps,
    parse_mirrors,
    parse_proxy,
    parse_realms,
)
from worker.registries.auth.credentials import parse_credentials


def test_mirrors() -> None:
    mirrors = parse_mirrors("DOCKER_HUB=http://127.0.0.1:5055, GITHUB=https://Harbor.Corp/ghcr/ ,")
    assert str(mirrors["DOCKER_HUB"].origin) == "http://127.0.0.1:5055"
    assert (str(mirrors["GITHUB"].origin), mirrors["GITHUB"].path) == ("https://harbor.corp", "ghcr")
    assert parse_mirrors("") == {}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("DOCKER=http://a", "^entry 1: the types"),
        ("GITHUB=a.example", "GITHUB"),
        ("GITHUB=ftp://a", "GITHUB"),
        ("GITHUB=", "GITHUB"),
        ("GITHUB", "GITHUB"),
        (f"GITHUB=https://user:{SECRET}@a.example", "GITHUB"),
        ("GITHUB=https://a/?x=1", "GITHUB"),
        ("GITHUB=https://a,GITHUB=https://b", "there are two"),
    ],
)
def test_a_wrong_mirror_is_named(value: str, named: str) -> None:
    with pytest.raises(ValueError, match=named) as fault:
        parse_mirrors(value)
    assert SECRET not in str(fault.value)


def test_credentials_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT", SECRET)
    (tmp_path / "secret").write_text("from-file\n")
    (tmp_path / "credentials.yaml").write_text(
        """
robot: {hosts: [Registry.Example, "other.example:5000"], domains: ["*"], username: r, password_env: ROBOT}
file: {hosts: [docker.io], domains: [domain-a], username: f, password_file: secret}
aws: {hosts: [123456789012.dkr.ecr.eu-west-1.amazonaws.com], domains: ["*"], provider: aws, profile: prod}
remote: {password_env: ROBOT}
"""
    )
    known = load_credentials(str(tmp_path / "credentials.yaml"))
    robot = known.get("robot")
    assert robot is not None
    assert robot.password() == SECRET
    assert known.may_use("robot", "anyone", "registry.example:443")
    assert known.may_use("robot", "anyone", "other.example:5000")
    assert not known.may_use("robot", "anyone", "other.example")
    assert known.may_use("file", "domain-a", "registry.hub.docker.com")
    assert not known.may_use("file", "domain-b", "registry.hub.docker.com")
    assert not known.may_use("remote", "domain-a", "registry.example")
    assert SECRET not in repr(known) + repr(robot)


def test_a_secret_that_changes_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("old")
    known = parse_credentials({"a": {"password_file": "secret"}}, tmp_path).get("a")
    assert known is not None
    (tmp_path / "secret").write_text("new")
    assert known.password() == "new"
    (tmp_path / "secret").unlink()
    with pytest.raises(CredentialError, match="'a'"):
        known.password()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"password": SECRET}, "password_file or password_env"),
        ({"username": "x"}, "exactly one of"),
        ({"password_env": "A", "password_file": "b"}, "exactly one of"),
        ({"password_env": "NOT_SET"}, "empty or not set"),
        ({"password_file": "absent"}, "cannot be read"),
        ({"password_env": "A", "host": "x"}, "unknown host"),
        ({"password_env": "A", "hosts": "x"}, "hosts: Input should be a valid list"),
        ({"password_env": "A", "hosts": ["http://x"]}, r"hosts\[0\]: must be host"),
        ({"password_env": "A", "domains": [5]}, r"domains\[0\]: Input should be a valid string"),
        ({"password_env": "A", "username": 5}, "username: Input should be a valid string"),
        ({"provider": "azure"}, "provider: Input should be 'aws' or 'gcp'"),
        ("text", "must be an object"),
    ],
)
def test_a_wrong_credential_is_named(
    tmp_path: Path, entry: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ValueError, match=said) as fault:
        parse_credentials({"robot": entry}, tmp_path)
    assert "credential 'robot'" in str(fault.value)
    assert SECRET not in str(fault.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    assert repr(load_credentials("")) == "Credentials([])"
    with pytest.raises(ValueError, match="cannot be read"):
        load_credentials(str(tmp_path / "absent"))
    (tmp_path / "broken").write_text(f"a: [{SECRET}")
    with pytest.raises(ValueError, match="not valid YAML: line") as fault:
        load_credentials(str(tmp_path / "broken"))
    assert SECRET not in str(fault.value)
    (tmp_path / "list").write_text("[]")
    with pytest.raises(ValueError, match="must be an object"):
        load_credentials(str(tmp_path / "list"))


def test_ca_files(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    path = str(certificate[0])
    assert parse_ca_files(f"a.example={path}, B.example:5000={path}") == {
        "a.example": path,
        "b.example:5000": path,
    }
    (tmp_path / "nonsense").write_text("x")
    for value in (f"a={tmp_path}/absent", f"a={tmp_path}/nonsense", "a", f"http://a={path}"):
        with pytest.raises(ValueError, match="entry"):
            parse_ca_files(value)


def test_caps() -> None:
    caps = parse_caps(" tags=1000, image_s=2.5 ,")
    assert (caps.tags, caps.image_s, caps.pages) == (1000, 2.5, Caps().pages)
    assert parse_caps("") == Caps()


@pytest.mark.parametrize(
    "value",
    [
        "tags",
        "tags=",
        "tags=50001",
        "tags=1.5",
        "tags=0",
        "image_s=nan",
        "image_s=61",
        "age=1",
        "pages=1,pages=2",
    ],
)
def test_a_wrong_cap_is_named(value: str) -> None:
    name = value.rsplit(",", 1)[-1].partition("=")[0]
    with pytest.raises(ValueError, match="^entry 1: the caps are" if name == "age" else f"^entry '{name}': "):
        parse_caps(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("r.example", "^entry 'r.example': must be host"),
        ("r.example=", "^entry 'r.example': must be host"),
        ("=a.example", "^entry 1: must be host"),
        ("r.example=*.example", "without schemes, paths and"),
        ("*=a.example", "^entry 1: must be host"),
        ("r.example=https://a.example", "without schemes"),
        ("r.example=a.example/token", "without schemes"),
        ("r.example=a.example:0", "^entry 'r.example': "),
        (f"r.example=u:{SECRET}@a.example", "^entry 'r.example': "),
        (f"u:{SECRET}@r.example=a.example", "^entry 1: "),
        ("r.example=a.example,r.example=a.example", "there are two"),
        ("10.0.0.0/8=a.example", "^entry"),
    ],
)
def test_a_wrong_realm_is_named(value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as fault:
        parse_realms(value)
    assert SECRET not in str(fault.value)


def test_a_proxy() -> None:
    proxy = parse_proxy("http://Proxy.Corp:3128")
    assert proxy is not None
    assert (proxy.host, proxy.port, proxy.authorization) == ("proxy.corp", 3128, None)
    known = parse_proxy("http://us%40er:p%3Aw@[fd00::1]:8080/")
    assert known is not None
    assert (known.host, known.port) == ("[fd00::1]", 8080)
    assert base64.b64decode((known.authorization or "").removeprefix("Basic ")) == b"us@er:p:w"
    assert (known.authorization or "") not in repr(known)
    assert parse_proxy("") is None


@pytest.mark.parametrize(
    "value",
    [
        "proxy.corp:3128",
        "proxy.corp",
        "http://proxy.corp",
        "https://proxy.corp:3128",
        "socks5://proxy.corp:1080",
        "http://proxy.corp:3128/path",
        "http://proxy.corp:99999",
        f"http://user:{SECRET}@proxy.corp",
        f"http://user:p@{SECRET}@proxy.corp:3128",
        f"http://us%3Aer:{SECRET}@proxy.corp:3128",
        f"http://{SECRET}@proxy.corp:3128",
        "http://proxy.corp:3128\r\nX: y",
    ],
)
def test_a_wrong_proxy_is_told_without_its_secret(value: str) -> None:
    with pytest.raises(ValueError, match=r"must be http://\[user|no colon") as fault:
        parse_proxy(value)
    assert SECRET not in str(fault.value)
