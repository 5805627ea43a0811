"""Roots of trust for single registries: ``PLUGINS_REGISTRY_CA_FILES``."""

import ssl
from collections.abc import Mapping

from worker.domain.registry.allowed import parse_authority


def parse_ca_files(value: str) -> Mapping[str, str]:
    """From ``host[:port]=PATH,...`` of PEM files. Raises ``ValueError`` naming the entry."""
    files: dict[str, str] = {}
    for entry in (part.strip() for part in value.split(",")):
        if not entry:
            continue
        where, _, path = (part.strip() for part in entry.partition("="))
        try:
            host, port = parse_authority(where)
            if not path:
                raise ValueError("must be host[:port]=PATH")
            ssl.create_default_context(cafile=path)
        except ValueError as fault:
            raise ValueError(f"entry {entry!r}: {fault}") from None
        except OSError:  # ssl.SSLError is one
            raise ValueError(f"entry {entry!r}: the file cannot be read as PEM certificates") from None
        files[host if port in (None, 443) else f"{host}:{port}"] = path
    return files
