"""The URLs of Redis, TLS to it (whoever uses ``rediss://`` is sure whom it speaks to), and its timeouts."""

import re
import ssl
from typing import Any
from urllib.parse import parse_qs, urlsplit

TIMEOUTS = {"socket_timeout": 10, "socket_connect_timeout": 3}
"""How long, in seconds, a Redis may be silent, and may take to connect: options of redis-py and of kombu."""

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_VERIFYING = {"ssl_cert_reqs": ("required", "CERT_REQUIRED"), "ssl_check_hostname": ("true", "True")}


def check_redis_url(url: str) -> str:
    """``url`` itself. Raises ``ValueError``, which does not show it, for one that is no URL of a Redis or
    switches the verification of its certificate off.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the host or the port is wrong: a port is an integer from 1 to 65535") from None
    if parts.scheme not in ("redis", "rediss"):
        raise ValueError("must be a redis:// or rediss:// URL")
    if not re.fullmatch(r"/?|/[0-9]{1,9}", parts.path):
        raise ValueError("the number of the database, behind the last /, must be an integer")
    if port == 0:
        raise ValueError("the port must be an integer from 1 to 65535")
    tls_of(url)
    return url


def tls_of(url: str) -> dict[str, Any] | None:
    """What Celery and kombu are told about TLS (``broker_use_ssl``, ``redis_backend_use_ssl``), as neither
    verifies by itself: None for ``redis://``.

    The URL's query may name files: ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``. Raises ``ValueError``
    when it asks for no verification.
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
