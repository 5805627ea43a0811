"""The limits of this deployment that a decision needs."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.plugin import RepositoryInfo

RegistryRule = Callable[[str, str | None], str]
"""``(registry_type, registry_url) -> stored registry_url``; raises the refusal."""

CredentialRule = Callable[[str, str, str, str], bool]
"""``(credential, domain_id, registry_type, stored registry_url)``: whether a plugin may use it there."""


def _no_credential(credential: str, domain_id: str, registry_type: str, registry_url: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Policy:
    """``repository`` is the local one; ``registry`` says which hosts are allowed, ``credential`` who may use
    which credential where; ``image_max_length`` counts characters.
    """

    repository: RepositoryInfo
    registry: RegistryRule
    image_max_length: int = 40
    credential: CredentialRule = _no_credential
