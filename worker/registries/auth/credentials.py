"""The credentials of this deployment, each bound to hosts and domains: ``PLUGINS_REGISTRY_CREDENTIALS``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.documents.read import read_document
from worker.domain.registry.allowed import parse_authority
from worker.domain.registry.hosts import one_name

_SOURCES = ("password_file", "password_env", "provider")
_KEYS = frozenset({"hosts", "domains", "username", *_SOURCES, "profile", "key_file"})
_PROVIDERS = frozenset({"aws", "gcp"})


class CredentialError(Exception):
    """Raised when a credential's secret cannot be had; names the credential, never the secret."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Where a secret is found. The secret itself is read when it is used, and kept nowhere.

    ``hosts`` are ``host[:port]`` (one name of Docker Hub stands for all), ``domains`` ids or ``*``.
    ``provider`` takes the place of a password: ``aws`` (boto3, optionally with ``profile``) or ``gcp``
    (google-auth, optionally with ``key_file``).
    """

    name: str
    hosts: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    username: str = ""
    password_file: Path | None = field(default=None, repr=False)
    password_env: str | None = field(default=None, repr=False)
    provider: str | None = None
    profile: str | None = None
    key_file: Path | None = field(default=None, repr=False)

    def password(self) -> str:
        """The secret, without the line end of its file. Raises ``CredentialError``."""
        if self.password_file is not None:
            try:
                secret = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError):
                raise CredentialError(f"credential {self.name!r}: password_file cannot be read") from None
        else:
            secret = os.environ.get(self.password_env or "", "")
        if not secret:
            raise CredentialError(f"credential {self.name!r}: the password is empty or not set")
        return secret


class Credentials:
    """The credentials by name."""

    def __init__(self, credentials: Mapping[str, Credential] | None = None) -> None:
        self._by_name = dict(credentials or {})

    def get(self, name: str) -> Credential | None:
        return self._by_name.get(name)

    def may_use(self, name: str, domain_id: str, host: str) -> bool:
        """Whether a plugin of that domain may use the credential with that registry host."""
        domains = self.domains(name, host)
        return domains is None or domain_id in domains

    def domains(self, name: str, host: str) -> frozenset[str] | None:
        """The domains whose plugins may use the credential with that registry host; None: all of them."""
        credential = self._by_name.get(name)
        if credential is None or not self.fits(credential, host):
            return frozenset()
        return None if "*" in credential.domains else credential.domains

    @staticmethod
    def fits(credential: Credential, host: str) -> bool:
        """Whether the credential may be sent to the host."""
        return one_name(host) in credential.hosts

    def __repr__(self) -> str:
        return f"Credentials({sorted(self._by_name)})"


def load_credentials(path: str) -> Credentials:
    """From a JSON or YAML file; an empty path means none. Raises ``ValueError`` naming the faulty entry."""
    if not path:
        return Credentials()
    file = Path(path)
    return parse_credentials(read_document(file), file.parent)


def parse_credentials(document: object, folder: Path) -> Credentials:
    """From ``{name: {...}}``; paths are relative to ``folder``. Raises ``ValueError`` naming the entry."""
    if not isinstance(document, dict):
        raise ValueError("must be an object of credentials by name")
    credentials = {}
    for name, entry in document.items():
        try:
            credentials[str(name)] = _parse(str(name), entry, folder)
        except (ValueError, CredentialError) as fault:
            text = str(fault)
            raise ValueError(
                text if isinstance(fault, CredentialError) else f"credential {name!r}: {text}"
            ) from None
    return Credentials(credentials)


def _parse(name: str, entry: object, folder: Path) -> Credential:
    if not isinstance(entry, dict):
        raise ValueError("must be an object")
    if "password" in entry:
        raise ValueError("a password is not written here: use password_file or password_env")
    unknown = sorted(str(key) for key in entry.keys() - _KEYS)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}")
    if sum(key in entry for key in _SOURCES) != 1:
        raise ValueError(f"needs exactly one of {', '.join(_SOURCES)}")
    provider = _text(entry, "provider")
    if provider is not None and provider not in _PROVIDERS:
        raise ValueError(f"provider must be one of {', '.join(sorted(_PROVIDERS))}")
    password_file, key_file = _text(entry, "password_file"), _text(entry, "key_file")
    credential = Credential(
        name,
        hosts=frozenset(_host(host) for host in _texts(entry, "hosts")),
        domains=frozenset(_texts(entry, "domains")),
        username=_text(entry, "username") or "",
        password_file=folder / password_file if password_file else None,
        password_env=_text(entry, "password_env"),
        provider=provider,
        profile=_text(entry, "profile"),
        key_file=folder / key_file if key_file else None,
    )
    if provider is None:
        credential.password()
    return credential


def _text(entry: dict[Any, Any], key: str) -> str | None:
    value = entry.get(key)
    if key in entry and (not isinstance(value, str) or not value):
        raise ValueError(f"{key} must be a text")
    return value


def _texts(entry: dict[Any, Any], key: str) -> list[str]:
    values = entry.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise ValueError(f"{key} must be a list of texts")
    return values


def _host(text: str) -> str:
    try:
        host, port = parse_authority(text)
    except ValueError as fault:
        raise ValueError(f"hosts: {text!r} {fault}") from None
    return one_name(host if port is None else f"{host}:{port}")
