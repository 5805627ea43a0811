"""Registries at their worst: each is one way to answer the question for the tags of an image."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from tests.registries.attacks import PATH
from tests.registries.double import Double, Handler, demands, listing, says

Hostile = Callable[[Double, Double], None]
"""Arms a registry; the second double is somewhere that it must not lead to."""

OK = b"HTTP/1.1 200 OK\r\n"
BODY = b'{"tags": ["1.0"]}'


def _raw(*pieces: bytes) -> Hostile:
    def arm(registry: Double, trap: Double) -> None:
        def answer(handler: Handler) -> None:
            for piece in pieces:
                handler.raw(piece)
            handler.close_connection = True

        registry.behaviours[PATH] = answer

    return arm


def _says(status: int, body: object = b"", headers: dict[str, str] | None = None) -> Hostile:
    """`{trap}` and `{self}` in a header are the addresses of the two."""

    def arm(registry: Double, trap: Double) -> None:
        known = {"{trap}": trap.url, "{self}": registry.url, "{host}": registry.authority}
        shown = dict(headers or {})
        for name, value in known.items():
            shown = {key: text.replace(name, value) for key, text in shown.items()}
        registry.behaviours[PATH] = says(status, body, shown)

    return arm


def _demands(challenge: str, token: object = None, *, always: bool = False) -> Hostile:
    def arm(registry: Double, trap: Double) -> None:
        shown = challenge.replace("{trap}", trap.url).replace("{self}", registry.url)
        registry.before = demands(shown, always=always)
        registry.tags["app"] = ["1.0"]
        for one in (registry, trap):
            one.behaviours["/token"] = token if callable(token) else says(200, token or {"token": "t"})

    return arm


def _links(link: str) -> Hostile:
    def arm(registry: Double, trap: Double) -> None:
        shown = link.replace("{trap}", trap.url).replace("{self}", registry.url)
        registry.behaviours[PATH] = listing("1.0", link=shown)

    return arm


def _page(text: bytes) -> Hostile:
    return _says(200, text)


def _many(text: str, count: int) -> bytes:
    return b'{"tags": [' + ",".join([text] * count).encode() + b"]}"


HOSTILE: dict[str, Hostile] = {
    # The status line and the headers.
    "nothing": _raw(b""),
    "half a line": _raw(b"HTTP/1.1 2"),
    "no http": _raw(b"SSH-2.0-OpenSSH_9\r\n"),
    "http 0.9": _raw(BODY),
    "http 9.9": _raw(b"HTTP/9.9 200 OK\r\n\r\n" + BODY),
    "status 0": _raw(b"HTTP/1.1 0 x\r\n\r\n"),
    "status 99": _raw(b"HTTP/1.1 99 x\r\n\r\n"),
    "status 1000": _raw(b"HTTP/1.1 1000 x\r\n\r\n"),
    "status -1": _raw(b"HTTP/1.1 -1 x\r\n\r\n"),
    "status of words": _raw(b"HTTP/1.1 two x\r\n\r\n"),
    "reason of 100 KB": _raw(b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n"),
    "header of 100 KB": _raw(OK + b"X: " + b"y" * 100_000 + b"\r\n\r\n"),
    "1,000 headers": _raw(OK + b"X: y\r\n" * 1000 + b"\r\n"),
    "header without a colon": _raw(OK + b"nonsense\r\n\r\n" + BODY),
    "header of bytes": _raw(OK + b"X: \xff\xfe\x00\r\nContent-Length: 17\r\n\r\n" + BODY),
    "folded headers": _raw(OK + b"X: y\r\n  Content-Length: 5\r\nContent-Length: 17\r\n\r\n" + BODY),
    "bare line feeds": _raw(b"HTTP/1.1 200 OK\nContent-Length: 17\n\n" + BODY),
    "escapes in headers": _raw(OK + b"Link: <\x1b[2J>; rel=next\r\nContent-Length: 17\r\n\r\n" + BODY),
    "100 for ever": _raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000),
    "101": _raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
    "204 with a body": _raw(b"HTTP/1.1 204 No\r\nContent-Length: 17\r\n\r\n" + BODY),
    "304": _says(304),
    "206": _says(206, BODY),
    "418": _says(418, b"x" * 100_000),
    "503 for a year": _says(503, b"", {"Retry-After": "31536000"}),
    "429 for ages": _says(429, b"", {"Retry-After": "9" * 400}),
    "429 until a bad date": _says(429, b"", {"Retry-After": "Sun, 99 Nov 9999 99:99:99 GMT"}),
    "429 of nonsense": _says(429, b"", {"Retry-After": "-1e999"}),
    # The length and the encoding of the body.
    "too short": _raw(OK + b"Content-Length: 999\r\n\r\n" + BODY),
    "negative length": _raw(OK + b"Content-Length: -1\r\n\r\n" + BODY),
    "length of words": _raw(OK + b"Content-Length: many\r\n\r\n" + BODY),
    "huge length": _raw(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + BODY),
    "two lengths": _raw(OK + b"Content-Length: 17\r\nContent-Length: 5\r\n\r\n" + BODY),
    "length and chunks": _raw(
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n" + BODY + b"\r\n0\r\n\r\n"
    ),
    "bad chunk": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "negative chunk": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    "huge chunk": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n"),
    "chunk line of 100 KB": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000 + b"\r\n{"),
    "no last chunk": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "trailers for ever": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 3_000),
    "chunks of a byte": _raw(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 3_000),
    "unknown coding": _raw(OK + b"Transfer-Encoding: x\r\nContent-Length: 17\r\n\r\n" + BODY),
    "brotli": _says(200, BODY, {"Content-Encoding": "br"}),
    "gzip that is none": _says(200, BODY, {"Content-Encoding": "gzip"}),
    "gzip cut": _says(200, gzip.compress(BODY)[:-6], {"Content-Encoding": "gzip"}),
    "gzip bomb": _says(200, gzip.compress(b" " * (40 << 20)), {"Content-Encoding": "gzip"}),
    "gzip twice": _says(200, gzip.compress(gzip.compress(BODY)), {"Content-Encoding": "gzip, gzip"}),
    # The body.
    "no json": _page(b"<html>"),
    "no object": _page(b"[]"),
    "no tags": _page(b"{}"),
    "tags of words": _page(b'{"tags": "1.0"}'),
    "deep": _page(b'{"tags": ' + b"[" * 100_000),
    "lists in lists": _page(b'{"tags": [' + b"[]," * 150_000 + b"[]]}"),
    "not utf-8": _page(b'{"tags": ["\xff"]}'),
    "utf-16": _page('{"tags": ["1.0"]}'.encode("utf-16")),
    "lone surrogates": _page(b'{"tags": ["\\ud800", "1.0"]}'),
    "numbers": _page(_many("9" * 5000, 3)),
    "nan": _page(b'{"tags": [NaN, Infinity, -0]}'),
    "names of 1 MB": _page(_many('"' + "a" * 1_000_000 + '"', 3)),
    "escapes": _page(json.dumps({"tags": ["\x1b]0;PWNED\x07", "a\nb", "\u202e1", "1.0"]}).encode()),
    "200,000 tags": _page(json.dumps({"tags": [f"{n}" for n in range(200_000)]}).encode()),
    "keys twice": _page(b'{"tags": 5, "tags": ["1.0"]}'),
    # Leading elsewhere.
    "redirect away": _says(302, b"", {"Location": "{trap}/v2/app/tags/list"}),
    "redirect with a user": _says(302, b"", {"Location": "http://u:p@{host}/v2/app/tags/list"}),
    "redirect to a file": _says(302, b"", {"Location": "file:///etc/passwd"}),
    "redirect to itself": _says(307, b"", {"Location": "{self}/v2/app/tags/list"}),
    "redirect with a zone": _says(302, b"", {"Location": "http://127.0.0.1%2f.evil/"}),
    "redirect to metadata": _says(302, b"", {"Location": "http://169.254.169.254/latest"}),
    "redirect of bytes": _raw(b"HTTP/1.1 302 x\r\nLocation: http://\xff\x00/\r\n\r\n"),
    "redirect to nothing": _says(302, b"", {"Location": ""}),
    "link away": _links("<{trap}/v2/app/tags/list>; rel=next"),
    "link to itself": _links("<{self}/v2/app/tags/list?n=1000>; rel=next"),
    "link to another image": _links("</v2/other/tags/list>; rel=next"),
    "link with a user": _links("<http://u:p@127.0.0.1/v2/app/tags/list>; rel=next"),
    "link of 20 KB": _links("<" + "x" * 20_000 + ">; rel=next"),
    "link without an end": _links("<" * 10_000 + "; rel=next"),
    # Asking for what is not theirs.
    "realm away": _demands('Bearer realm="{trap}/token",service="s"'),
    "realm with a scope": _demands('Bearer realm="{self}/token?scope=repository:other/x:push"'),
    "realm that redirects away": _demands(
        'Bearer realm="{self}/token"', lambda h: h.reply(302, b"", {"Location": "http://127.0.0.2:1/"})
    ),
    "token of lines": _demands('Bearer realm="{self}/token"', {"token": "a\r\nX-Evil: 1"}),
    "token of 1 MB": _demands('Bearer realm="{self}/token"', {"token": "a" * 1_000_000}),
    "token that is never enough": _demands('Bearer realm="{self}/token"', always=True),
    "no realm": _demands("Bearer"),
    "challenge of 100 KB": _demands("Bearer " + 'a="b",' * 10_000),
    "10,000 challenges": _demands("Basic, " * 9_000, always=True),
    "digest": _demands('Digest realm="x", nonce="y"', always=True),
    "basic for ever": _demands('Basic realm="x"', always=True),
}
