"""Registries of container images: the only place that speaks HTTP, and the only importer of requests."""

from worker.registries.auth.credentials import CredentialError, Credentials, load_credentials
from worker.registries.ca_files import parse_ca_files
from worker.registries.caps import Caps, parse_caps
from worker.registries.kinds import KINDS
from worker.registries.mirrors import Mirror, parse_mirror, parse_mirrors
from worker.registries.registries import Registries

__all__ = [
    "KINDS",
    "Caps",
    "CredentialError",
    "Credentials",
    "Mirror",
    "Registries",
    "load_credentials",
    "parse_ca_files",
    "parse_caps",
    "parse_mirror",
    "parse_mirrors",
]
