"""The URLs of Redis, TLS to it (with ``rediss://`` the server is verified), and its timeouts."""

import re
import ssl
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, urlsplit

SILENT_S: Final = 4.0
"""How long a Redis may be silent, in seconds, until it counts as away. Every wait for it is built on this."""

TIMEOUTS: Final = {"socket_timeout": SILENT_S, "socket_connect_timeout": 3}
"""The same, and how long a Redis may take to connect: options of redis-py and of kombu."""

SEND_S: Final = 10.0
"""How long a caller's commands, or a look for their answers, may take in all, in seconds."""

LATE_S: Final = 0.8
"""How much later than its timeout a call ends in which Redis does not answer, in seconds."""

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_VERIFYING = {"ssl_cert_reqs": ("required",), "ssl_check_hostname": ("true", "True")}


def check_redis_url(url: str) -> str:
    """Return ``url``.

    The query of a ``rediss://`` URL may name PEM files, which must exist: ``ssl_ca_certs``, ``ssl_certfile``
    and ``ssl_keyfile``. It may also have ``ssl_cert_reqs=required`` and ``ssl_check_hostname=true``, which
    hold anyway. Raises ``ValueError``, which does not show the URL, if it is not the URL of a Redis, or if a
    client of Redis would not accept it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the host or the port is wrong: a port is an integer from 1 to 65535") from None
    if not re.match("rediss?://", url):
        raise ValueError("must be a redis:// or rediss:// URL")
    if not re.fullmatch(r"/?|/[0-9]{1,9}", parts.path):
        raise ValueError("the number of the database, behind the last /, must be an integer")
    if port == 0:
        raise ValueError("the port must be an integer from 1 to 65535")
    _check_files(_options(parts))
    return url


def tls_of(url: str) -> dict[str, Any] | None:
    """Return the TLS options of a checked ``url`` for Celery and kombu; None for ``redis://``.

    They are for ``broker_use_ssl`` and ``redis_backend_use_ssl``: without them neither verifies the server.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return None
    options = _options(parts)
    files = {name: options[name] for name in _FILES if name in options}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **files}


def _options(parts: SplitResult) -> dict[str, str]:
    """Return the options in the query of a URL: name to value."""
    # Clients treat other options, repeated ones and empty ones differently.
    known = (*_FILES, *_VERIFYING) if parts.scheme == "rediss" else ()
    options = parse_qs(parts.query, keep_blank_values=True)
    if unknown := sorted(options.keys() - known):
        if "@" in parts.query:
            # The password may hold the ?, and the names may be parts of it.
            raise ValueError("user and password must be percent-encoded")
        allowed = f"no options but {', '.join(known)}" if known else "no options"
        raise ValueError(f"{', '.join(unknown)}: a {parts.scheme}:// URL has {allowed}")
    for name, values in options.items():
        if len(values) > 1:
            raise ValueError(f"{name} of a rediss:// URL cannot be given twice")
        if values[0] not in _VERIFYING.get(name, values):
            raise ValueError(f"{name} of a rediss:// URL cannot be other than {_VERIFYING[name][0]}")
    return {name: values[0] for name, values in options.items()}


def _check_files(options: dict[str, str]) -> None:
    """Refuse files that TLS cannot use: with them, some clients would wait for their server for ever."""
    authorities, certificate, key = (options.get(name) for name in _FILES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    faulty = "ssl_ca_certs"
    try:
        if authorities is not None:
            context.load_verify_locations(authorities)
        faulty = "ssl_certfile, with its ssl_keyfile,"
        if certificate is not None:
            # No password: each process would ask for that of an encrypted key.
            context.load_cert_chain(certificate, key, password="")
        elif key is not None:
            raise ValueError("ssl_keyfile of a rediss:// URL needs an ssl_certfile")
    except OSError as error:
        raise ValueError(f"{faulty} cannot be used: {error.strerror}") from None
