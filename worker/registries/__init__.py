"""Registries of container images: the only package that speaks HTTP, and the only importer of requests.

``worker.registries.registries`` has the facade. It is not imported here: a command that only needs settings
must not wait for requests to be imported.
"""

from worker.registries.auth.credentials import CredentialError, Credentials, load_credentials
from worker.registries.auth.realms import Realms
from worker.registries.budget.budget import Budget, BudgetUnavailable
from worker.registries.budget.table import BudgetTable
from worker.registries.http.caps import Caps
from worker.registries.http.origin import Place
from worker.registries.http.proxy import Proxy, parse_proxy
from worker.registries.kinds import KINDS, Limit, RegistryProfile
from worker.registries.settings import (
    Mirror,
    parse_ca_files,
    parse_caps,
    parse_limits,
    parse_mirror,
    parse_mirrors,
    parse_realms,
)

__all__ = [
    "KINDS",
    "Budget",
    "BudgetTable",
    "BudgetUnavailable",
    "Caps",
    "CredentialError",
    "Credentials",
    "Limit",
    "Mirror",
    "Place",
    "Proxy",
    "Realms",
    "RegistryProfile",
    "load_credentials",
    "parse_ca_files",
    "parse_caps",
    "parse_limits",
    "parse_mirror",
    "parse_mirrors",
    "parse_proxy",
    "parse_realms",
]
