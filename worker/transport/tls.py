"""TLS for the broker. kombu takes it from the URL's scheme only with its own transport."""

import ssl
from typing import Any
from urllib.parse import parse_qs, urlsplit

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_VERIFYING = {"ssl_cert_reqs": ("required", "CERT_REQUIRED"), "ssl_check_hostname": ("true", "True")}


def broker_use_ssl(url: str) -> dict[str, Any] | None:
    """The value of Celery's ``broker_use_ssl`` for ``url``: None for ``redis://``.

    The URL's query may name files: ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``. With
    ``rediss://`` the server is verified. Raises ValueError when the URL asks for no verification.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return None
    query = parse_qs(parts.query)
    for name, allowed in _VERIFYING.items():
        if any(value not in allowed for value in query.get(name, [])):
            raise ValueError(f"{name} of a rediss:// URL cannot switch verification off")
    files = {name: query[name][0] for name in _FILES if name in query}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **files}
