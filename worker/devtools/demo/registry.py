"""A registry for the demo: OCI Distribution's tag lists, in this process, on the loopback interface."""

import json
import re
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_TAGS = re.compile(r"/v2/(?P<name>.+)/tags/list")


class Registry:
    """Serves ``tags`` (image to names) in pages of ``page_size``; a context manager."""

    def __init__(self, tags: Mapping[str, Sequence[str]], page_size: int = 4) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(tags, page_size))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="registry", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(tags: Mapping[str, Sequence[str]], page_size: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            found = _TAGS.fullmatch(url.path)
            if url.path == "/v2/":
                self._answer(200, {})
            elif not found or found["name"] not in tags:
                self._answer(404, {"errors": [{"code": "NAME_UNKNOWN"}]})
            else:
                self._page(found["name"], parse_qs(url.query))

        def _page(self, name: str, query: dict[str, list[str]]) -> None:
            names = list(tags[name])
            last = query.get("last", [""])[0]
            start = names.index(last) + 1 if last in names else 0
            page = names[start : start + page_size]
            more = start + page_size < len(names)
            link = f'</v2/{name}/tags/list?n={page_size}&last={page[-1]}>; rel="next"' if more else None
            self._answer(200, {"name": name, "tags": page}, link)

        def _answer(self, status: int, document: object, link: str | None = None) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Not on the terminal."""

    return Handler
