"""The repository that a caller means with ``image``, who may have written the registry's own name in front.

Everywhere else an image begins with its registry. Here the registry has fields of its own, so another host in
front of an image is a mistake: the image would be asked for at the wrong registry, and never be found.
"""

from contracts.errors import InvalidImage
from contracts.values import IMAGE_PATTERN
from worker.domain.registry.addresses import parse_address
from worker.domain.registry.hosts import FIXED_TYPES, one_name, type_of
from worker.domain.registry.suffixes import public_suffixes

_WITHOUT_DOTS = frozenset({"DOCKER_HUB", "GITHUB"})
"""The types whose namespaces have no dots: what has one can only be a host."""

_DOMAIN_SCOPED = "GCP_ARTIFACT_REGISTRY"
"""Google's projects may begin with the domain of a company, such as ``example.com/project``."""

_PRIVATE = frozenset(
    {"corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "test"}
)
"""The ends of names in private networks and in examples, which no public list has."""


def repository_in(image: str, registry_type: str, registry_url: str, named_url: str | None = None) -> str:
    """Return ``image`` without the name of its own registry.

    ``registry_url``: as it is stored. ``named_url``: as the caller gave it. Default: None, it was not given.

    Raises: ``InvalidImage`` if it begins with what looks like another host, or is not a repository name.
    """
    own = registry_url.partition("/")[0]
    names = {one_name(url.partition("/")[0]) for url in (own, named_url or own)}
    first, slash, rest = image.partition("/")
    is_named_whole = bool(slash) and one_name(first) in names
    repository = rest if is_named_whole else image
    first, slash, _ = repository.partition("/")
    may_be_project = is_named_whole and registry_type not in _WITHOUT_DOTS
    if slash and not may_be_project and _is_host(first, registry_type):
        raise InvalidImage(_hint(first, registry_type, own), details={"path": "image"})
    if not IMAGE_PATTERN.match(repository):
        raise InvalidImage("image has capital letters: use lower case", details={"path": "image"})
    return repository


def _is_host(first: str, registry_type: str) -> bool:
    """Return whether the first part of several looks like the host of a registry."""
    if ":" in first or first.lower() == "localhost":
        return True
    if "." not in first:
        return False
    if registry_type in _WITHOUT_DOTS or parse_address(first) is not None or _type_at(first):
        return True
    return registry_type != _DOMAIN_SCOPED and _ends_like_a_host(first)


def _type_at(host: str) -> str:
    """Return the type that the host's name alone tells, or an empty text."""
    return type_of(one_name(host), "")


def _ends_like_a_host(name: str) -> bool:
    """Return whether a name with dots ends as names of hosts do: with a top-level domain, or privately."""
    name = name.lower()
    is_public = public_suffixes().publicsuffix(name, accept_unknown=False) is not None
    return is_public or name.rpartition(".")[2] in _PRIVATE


def _hint(first: str, registry_type: str, own: str) -> str:
    meant = _type_at(first)
    by = f"registry_type {meant}" if meant in FIXED_TYPES else "registry_type and registry_url"
    text = f"image begins with {first}, which looks like a registry: name it by {by}, not in image"
    if registry_type in _WITHOUT_DOTS:
        return text
    return f"{text}; if it is a project of {own}, write {own}/{first}/..."
