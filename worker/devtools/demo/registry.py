"""A registry for the demo: the tag lists of OCI Distribution, on the loopback interface."""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 4


@contextmanager
def serve_tags(tags: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Serve ``tags`` (image to names), in pages, and give the URL of the registry."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            image = re.sub(r"^/v2/(.*)/tags/list$", r"\1", url.path)
            names = tags.get(image, ())
            start = next(
                (n + 1 for n, name in enumerate(names) if [name] == parse_qs(url.query).get("last")), 0
            )
            page = names[start : start + PAGE_SIZE]
            body = json.dumps({"name": image, "tags": page}).encode()
            self.send_response(200 if image in tags or url.path == "/v2/" else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if start + PAGE_SIZE < len(names):
                self.send_header("Link", f'<{url.path}?n={PAGE_SIZE}&last={page[-1]}>; rel="next"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Write nothing: the terminal is the demo's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, name="registry", daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
