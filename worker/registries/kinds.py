"""The types of registries: what sets each apart from a plain OCI registry. One row each."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.registries.auth.aws import private_ecr_login, public_ecr_login
from worker.registries.auth.gcp import google_login
from worker.registries.auth.logins import LoginOf, static_login


@dataclass(frozen=True, slots=True)
class Limit:
    """How much all workers together may ask of a registry.

    ``rate``: requests a second, evenly spaced. ``at_once``: images that are read at the same time.
    """

    rate: float
    at_once: int


@dataclass(frozen=True, slots=True)
class RegistryProfile:
    """What sets a type of registry apart.

    ``limit``: the budget of one host of this type.
    ``account_limit``: the budget of one account, where the registry counts accounts apart; None: no such.
    ``oci_host``: the host of the OCI API; None: the host that names the registry.
    ``login``: makes the login of a credential that has a ``provider``.
    """

    limit: Limit
    account_limit: Limit | None = None
    oci_host: str | None = None
    login: LoginOf = static_login


KINDS: Mapping[str, RegistryProfile] = {
    # Anonymous callers are served by its own API, accounts by the OCI API at another host.
    "DOCKER_HUB": RegistryProfile(Limit(2.5, 3), oci_host="registry-1.docker.io"),
    "AWS_PUBLIC_ECR": RegistryProfile(Limit(1, 1), account_limit=Limit(8, 4), login=public_ecr_login),
    "AWS_PRIVATE_ECR": RegistryProfile(Limit(10, 4), login=private_ecr_login),
    "GITHUB": RegistryProfile(Limit(5, 4)),
    "HARBOR": RegistryProfile(Limit(10, 3)),
    "GCP_ARTIFACT_REGISTRY": RegistryProfile(Limit(50, 8), login=google_login),
    "OCI": RegistryProfile(Limit(2, 2)),
}
"""By ``registry_type`` of the contract."""
