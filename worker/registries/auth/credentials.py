"""The credentials of this deployment, each bound to hosts and domains: ``PLUGINS_REGISTRY_CREDENTIALS``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from contracts.values import Contract
from worker.documents.read import read_document
from worker.documents.validation import first_error
from worker.domain.registry.allowed import parse_authority
from worker.domain.registry.hosts import one_name

_SOURCES = ("password_file", "password_env", "provider")


class CredentialError(Exception):
    """Raised when a credential's secret cannot be read. The text names the credential, never the secret."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"credential {name!r}: {reason}")


def _one_host(text: str) -> str:
    host, port = parse_authority(text)
    return one_name(host if port is None else f"{host}:{port}")


def _in_folder(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a path")
    return Path(info.context or "", value)


Text = Annotated[str, Field(min_length=1)]
Secret = Annotated[Text | None, Field(repr=False)]
SecretFile = Annotated[Path | None, Field(repr=False), BeforeValidator(_in_folder)]


class Credential(Contract):
    """Where a secret is found. The secret itself is read when it is used, and kept nowhere.

    ``hosts``: ``host[:port]``; one name of Docker Hub stands for all. ``domains``: ids, or ``*`` for all.
    ``password_file``, ``password_env``: where the password is. ``provider``: in place of a password: ``aws``
    (boto3) or ``gcp`` (google-auth). ``profile``: of boto3. ``key_file``: of a Google service account.
    """

    name: str
    hosts: list[Annotated[Text, AfterValidator(_one_host)]] = []
    domains: list[Text] = []
    username: str = ""
    password_file: SecretFile = None
    password_env: Secret = None
    provider: Literal["aws", "gcp"] | None = None
    profile: Text | None = None
    key_file: SecretFile = None

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        if sum(getattr(self, source) is not None for source in _SOURCES) != 1:
            raise ValueError(f"needs exactly one of {', '.join(_SOURCES)}")
        return self

    def password(self) -> str:
        """Return the secret, without the line end of its file. Raises: ``CredentialError``."""
        if self.password_file is not None:
            try:
                secret = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, ValueError):
                raise CredentialError(self.name, "password_file cannot be read") from None
        else:
            secret = os.environ.get(self.password_env or "", "")
        if not secret:
            raise CredentialError(self.name, "the password is empty or not set")
        return secret


class Credentials:
    """The credentials by name."""

    def __init__(self, credentials: Mapping[str, Credential] | None = None) -> None:
        self._by_name = dict(credentials or {})

    def get(self, name: str) -> Credential | None:
        """Return the credential of that name, or None."""
        return self._by_name.get(name)

    def may_use(self, name: str, domain_id: str, host: str) -> bool:
        """Return whether a plugin of that domain may use the credential with that registry host."""
        domains = self.domains(name, host)
        return domains is None or domain_id in domains

    def domains(self, name: str, host: str) -> frozenset[str] | None:
        """Return the domains whose plugins may use the credential with that host; None: all of them."""
        credential = self._by_name.get(name)
        if credential is None or not self.fits(credential, host):
            return frozenset()
        return None if "*" in credential.domains else frozenset(credential.domains)

    @staticmethod
    def fits(credential: Credential, host: str) -> bool:
        """Return whether the credential may be sent to the host."""
        return one_name(host) in credential.hosts

    def __repr__(self) -> str:
        return f"Credentials({sorted(self._by_name)})"


def load_credentials(path: str) -> Credentials:
    """Return the credentials in a JSON or YAML file. ``path``: empty: there are none.

    Raises: ``ValueError`` naming the entry.
    """
    if not path:
        return Credentials()
    file = Path(path)
    return parse_credentials(read_document(file), file.parent)


def parse_credentials(document: object, folder: Path) -> Credentials:
    """Return the credentials in ``{name: {...}}``. ``folder``: the folder of relative paths.

    Raises: ``ValueError`` naming the entry.
    """
    if not isinstance(document, dict):
        raise ValueError("must be an object of credentials by name")
    return Credentials({name: _parse(name, entry, folder) for name, entry in document.items()})


def _parse(name: str, entry: object, folder: Path) -> Credential:
    try:
        if not isinstance(entry, dict):
            raise ValueError("must be an object")
        if "password" in entry:
            raise ValueError("a password is not written here: use password_file or password_env")
        if "name" in entry:
            raise ValueError("unknown name")
        credential = Credential.model_validate(entry | {"name": name}, context=folder)
        if credential.provider is None:
            credential.password()
    except ValidationError as error:
        raise ValueError(f"credential {name!r}: {first_error(error)}") from None
    except CredentialError as error:
        raise ValueError(str(error)) from None
    except ValueError as error:
        raise ValueError(f"credential {name!r}: {error}") from None
    return credential
