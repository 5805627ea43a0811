"""A registry in this process, on a real socket: OCI tags/list and Docker Hub's API, as bad as it is told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 20
    asked: Asked

    def setup(self) -> None:
        super().setup()
        self.double.connections.add(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            self.close_connection = True
        finally:
            self.double.connections.discard(self.connection)

    @property
    def double(self) -> Double:
        assert isinstance(self.server, _Server)
        return self.server.double

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ssl.SSLError):
            self.close_connection = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.asked = Asked(parts.path, query, {key.lower(): value for key, value in self.headers.items()})
        self.double.asked.append(self.asked)
        self.double.answer(self)

    def reply(self, status: int, body: object = b"", headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [
            f"HTTP/1.1 {status} Status",
            f"Content-Length: {len(data)}",
            "Content-Type: application/json",
        ]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    def raw(self, data: bytes) -> None:
        """Bytes as they are; the handler's own words for a broken pipe are not for the test's output."""
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@dataclass
class Double:
    """``tags`` by repository; ``page`` is the page size (0: one page); ``behaviours`` by path answer instead.

    ``asked`` are the requests so far. ``before`` runs first and may answer itself, by returning True.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    tags: dict[str, list[str] | None] = field(default_factory=dict)
    page: int = 0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    before: Callable[[Handler], bool] | None = None
    absolute_links: bool = False
    asked: list[Asked] = field(default_factory=list)
    connections: set[socket.socket] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._server = _Server((self.host, self.port), Handler)
        self._server.double = self
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def authorizations(self) -> list[str]:
        return [asked.authorization for asked in self.asked if asked.authorization]

    def answer(self, handler: Handler) -> None:
        if self.before is not None and self.before(handler):
            return
        path = handler.asked.path
        behaviour = self.behaviours.get(path)
        if behaviour is not None:
            behaviour(handler)
        elif path.startswith("/v2/namespaces/") and path.endswith("/tags"):
            _, _, _, namespace, _, repository, _ = path.split("/")
            self._hub(handler, f"{namespace}/{repository}")
        elif path.startswith("/v2/") and path.endswith("/tags/list"):
            self._oci(handler, path[len("/v2/") : -len("/tags/list")])
        else:
            handler.reply(404, b"404 page not found")

    def _oci(self, handler: Handler, name: str) -> None:
        if name not in self.tags:
            handler.reply(404, {"errors": [{"code": "NAME_UNKNOWN"}]})
            return
        tags = self.tags[name]
        size = min(self.page or len(tags or ()), int(handler.asked.query.get("n", 10_000_000)))
        if tags is None or not self.page:
            handler.reply(200, {"name": name, "tags": tags})
            return
        last = handler.asked.query.get("last")
        start = tags.index(last) + 1 if last else 0
        some = tags[start : start + size]
        headers = {}
        if start + size < len(tags):
            base = self.url if self.absolute_links else ""
            path = f"{base}/v2/{name}/tags/list?last={quote(some[-1])}&n={size}"
            headers["Link"] = f'<{path}>; rel="next"'
        handler.reply(200, {"name": name, "tags": some}, headers)

    def _hub(self, handler: Handler, name: str) -> None:
        """Newest first: the last of ``tags`` is the newest."""
        if name not in self.tags:
            handler.reply(404, {"message": "object not found"})
            return
        newest = list(reversed(self.tags[name] or []))
        size, page = int(handler.asked.query["page_size"]), int(handler.asked.query.get("page", 1))
        some = newest[(page - 1) * size : page * size]
        following = None
        if page * size < len(newest):
            following = (
                f"{self.url}{handler.asked.path}?ordering=last_updated&page={page + 1}&page_size={size}"
            )
        handler.reply(
            200, {"count": len(newest), "next": following, "results": [{"name": tag} for tag in some]}
        )

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    double: Double

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what many tests are about."""


def says(status: int = 200, body: object = b"", headers: dict[str, str] | None = None) -> Behaviour:
    """A behaviour: always this answer."""
    return lambda handler: handler.reply(status, body, headers)


def demands(challenge: str, *, always: bool = False) -> Callable[[Handler], bool]:
    """For ``before``: demand authorization of a registry's pages; ``always``: of all, and whatever was sent."""

    def before(handler: Handler) -> bool:
        is_page = handler.asked.path.startswith("/v2/")
        if not always and (handler.asked.authorization or not is_page):
            return False
        handler.reply(401, b"", {"WWW-Authenticate": challenge})
        return True

    return before


def listing(*tags: str, link: str | None = None) -> Behaviour:
    """A behaviour: this page, with this ``Link``."""
    return says(200, {"tags": list(tags)}, {"Link": link} if link else None)
