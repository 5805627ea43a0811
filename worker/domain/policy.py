"""The limits of this deployment that a decision needs."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.plugin import RepositoryInfo

RegistryRule = Callable[[str, str | None], str]
"""``(registry_type, registry_url) -> stored registry_url``; raises the refusal."""


@dataclass(frozen=True, slots=True)
class Policy:
    """``repository`` is the local one; ``image_max_length`` counts characters; ``registry`` says which hosts
    are allowed.
    """

    repository: RepositoryInfo
    registry: RegistryRule
    image_max_length: int = 40
