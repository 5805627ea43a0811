"""The rules and limits of this deployment that a decision needs."""

from dataclasses import dataclass
from typing import Protocol

from contracts.plugin import RepositoryInfo


class RegistryRule(Protocol):
    """Which registries plugins may name."""

    def __call__(self, registry_type: str, registry_url: str | None, /) -> str:
        """Return the ``registry_url`` to store; raise the refusal of one that is not allowed."""


class CredentialRule(Protocol):
    """Who may use which credential where."""

    def __call__(self, name: str, domain_id: str, host: str, /) -> bool:
        """Return whether plugins of a domain may use the credential ``name`` at a registry host."""


def _no_credential(name: str, domain_id: str, host: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Policy:
    """``repository``: the local one. ``image_max_length``: in characters."""

    repository: RepositoryInfo
    registry: RegistryRule
    image_max_length: int = 40
    credential: CredentialRule = _no_credential
