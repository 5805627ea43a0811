"""Which registry a plugin may name: the type fixes the host, or the operator's list permits it."""

import re
from typing import get_args

from contracts.errors import InvalidParameter, RegistryNotAllowed, RequiredParameter
from contracts.plugin import RegistryType
from worker.domain.image import DOCKER_HUB_HOST, DOCKER_HUB_NAMES, PUBLIC_ECR_HOST
from worker.domain.registry.allowed import AllowedRegistries, default_port, parse_authority

GITHUB = "ghcr.io"

_ECR_ALIAS = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_PRIVATE_ECR = re.compile(
    r"[0-9]{12}\.dkr\.ecr(?:-fips)?\.[a-z]{2,4}(?:-[a-z0-9]+){1,4}\.amazonaws\.com(?:\.cn)?"
)
_GCP = re.compile(r"(?:[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]{2,4}\.)?gcr\.io)")

# The types whose host the caller names, with the form that the host must have.
_NAMED: dict[str, tuple[re.Pattern[str] | None, str]] = {
    "AWS_PRIVATE_ECR": (_PRIVATE_ECR, "{account}.dkr.ecr.{region}.amazonaws.com"),
    "GCP_ARTIFACT_REGISTRY": (_GCP, "{location}-docker.pkg.dev or gcr.io"),
    "HARBOR": (None, "host[:port], without scheme and path"),
    "OCI": (None, "host[:port], without scheme and path"),
}

# The types that have one host. An image there has this type, whichever type a plugin names.
_FIXED = {"DOCKER_HUB": DOCKER_HUB_HOST, "GITHUB": GITHUB, "AWS_PUBLIC_ECR": PUBLIC_ECR_HOST}

FIXED_TYPES = _FIXED.keys()
"""The types with one host: the type alone says where an image is, and no list has to permit it."""

REGISTRY_TYPES: frozenset[str] = frozenset(get_args(RegistryType))


def type_of(host: str, named: str) -> str:
    """Return the type whose rules hold at a host: the only one that it can have, otherwise the one named.

    Plugins that name one host by different types share its images, budget and credentials.

    ``host``: ``host[:port]``.
    """
    fixed = [name for name, own in _FIXED.items() if own == host]
    formed = [
        name for name, (pattern, _) in _NAMED.items() if pattern is not None and pattern.fullmatch(host)
    ]
    return next(iter(fixed + formed), named)


def one_name(host: str) -> str:
    """Return ``host[:port]`` as it is compared: lower-case, without 443, Docker Hub by one name."""
    name = host.lower().removesuffix(":443")
    return DOCKER_HUB_HOST if name in DOCKER_HUB_NAMES else name


def check_registry(allowed: AllowedRegistries, registry_type: str, registry_url: str | None) -> str:
    """Return the ``registry_url`` to store for the one of a caller. Nothing is resolved or dialled.

    Raises: ``RequiredParameter`` (no URL, and the type is not DOCKER_HUB), ``InvalidParameter`` (unknown type
    or a host that the type cannot have), ``RegistryNotAllowed`` (a named host that is not in ``allowed``).
    """
    if registry_type not in REGISTRY_TYPES:
        raise InvalidParameter("registry_type is not a known type", details={"path": "registry_type"})
    if registry_url and not registry_url.isascii():
        raise _invalid("registry_url must be ASCII")
    if registry_type == "DOCKER_HUB":
        if registry_url and _lower(registry_url) not in DOCKER_HUB_NAMES:
            raise _invalid(f"registry_url of DOCKER_HUB is {DOCKER_HUB_HOST}")
        return DOCKER_HUB_HOST
    if not registry_url:
        raise RequiredParameter("registry_url is required", details={"path": "registry_url"})
    if registry_type == "AWS_PUBLIC_ECR":
        return _public_ecr(registry_url)
    if registry_type in _FIXED:
        return _fixed(registry_type, registry_url)
    return _named(allowed, registry_type, registry_url)


def _lower(registry_url: str) -> str:
    return registry_url.lower().removesuffix("/")


def _fixed(registry_type: str, registry_url: str) -> str:
    host = _FIXED[registry_type]
    if _lower(registry_url) != host:
        raise _invalid(f"registry_url of {registry_type} is {host}")
    return host


def _public_ecr(registry_url: str) -> str:
    host, _, alias = _lower(registry_url).partition("/")
    if host != PUBLIC_ECR_HOST or (alias and not _ECR_ALIAS.fullmatch(alias)):
        raise _invalid(f"registry_url of AWS_PUBLIC_ECR is {PUBLIC_ECR_HOST} or {PUBLIC_ECR_HOST}/ALIAS")
    return f"{host}/{alias}" if alias else host


def _named(allowed: AllowedRegistries, registry_type: str, registry_url: str) -> str:
    pattern, form = _NAMED[registry_type]
    try:
        host, port = parse_authority(registry_url)
    except ValueError:
        raise _invalid(f"registry_url must be {form}") from None
    if pattern is not None and (port is not None or not pattern.fullmatch(host)):
        raise _invalid(f"registry_url of {registry_type} must be {form}")
    scheme = allowed.scheme(host, port)
    if scheme is None:
        raise RegistryNotAllowed(
            "this registry is not allowed here; PLUGINS_ALLOWED_REGISTRIES lists those that are",
            details={"path": "registry_url"},
        )
    return host if port in (None, default_port(scheme)) else f"{host}:{port}"


def _invalid(message: str) -> InvalidParameter:
    return InvalidParameter(message, details={"path": "registry_url"})
