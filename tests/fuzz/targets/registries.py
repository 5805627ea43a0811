"""What registries answer, and the names of registries and images."""

import gzip
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from requests.structures import CaseInsensitiveDict

from contracts.errors import ContractError
from contracts.plugin import plugin_id_of
from contracts.values import IMAGE_PATTERN
from tests.fuzz.script import Script, changed_bytes, changed_text
from tests.fuzz.target import Target
from worker.domain.image import FetchFailed, ImageRef
from worker.domain.registry.addresses import is_forbidden, parse_address
from worker.domain.registry.allowed import AllowedRegistries
from worker.domain.registry.hosts import REGISTRY_TYPES, check_registry
from worker.domain.registry.image_name import repository_in
from worker.domain.versions import newest_first
from worker.registries.auth.challenge import parse_challenges
from worker.registries.auth.realms import Realms
from worker.registries.auth.tokens import _read_token
from worker.registries.http.body import _Deflate, _Gzip
from worker.registries.http.origin import parse_url
from worker.registries.http.retry_after import retry_after
from worker.registries.tags.docker_hub import _count, _names
from worker.registries.tags.links import next_link
from worker.registries.tags.names import Tags, read_list, read_object, strings_in
from worker.registries.tags.paging import after, cursor_of, following

ALLOWED = AllowedRegistries.parse(
    "registry.example.com, a.example.org:5000, http://127.0.0.1, 10.0.0.0/8, [::1]:5000"
)
HERE = "https://registry.example.com/v2/acme/jira/tags/list?n=100"
TYPES = sorted(REGISTRY_TYPES)
HOSTS: Sequence[str] = [
    *("registry.example.com", "a.example.org:5000", "127.0.0.1", "[::1]:5000", "10.1.2.3:80", "public.ecr.aws/a1"),
    *("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "ghcr.io", "europe-docker.pkg.dev", "registry.hub.docker.com"),
    *("https://registry.example.com:443/v2/?x=1#y", "http://[::ffff:7f00:1]/", "acme/jira", "a/b__c-d.e/f", "library/x"),
]  # fmt: skip
HOST_WORDS: Sequence[str] = [
    *(".", ":", "/", "@", "#", "?", "%2f", "%", "\\", "[", "]", "::", "0x7f", "017700000001", "2130706433", "*", ","),
    *("ı", "K", "ſ", "。", "xn--", "..", "\n", "\0", " ", "-", "_", "a" * 64, "1" * 5_000, "localhost", "http://", "é"),
]  # fmt: skip
ANSWERS: Sequence[bytes] = [
    b'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:acme/jira:pull"',
    b'Negotiate, Basic realm="a \\"b\\"", Bearer realm=https://registry.example.com/t',
    b'Negotiate YII/Jv==, Basic realm="x"',
    *(b"limit=100, remaining=0, reset=50", b'"default";r=0;t=30, "day";r=0;t=3600'),
    b'<https://registry.example.com/v2/acme/jira/tags/list?n=100&last=x>; rel="next", </v2/>; rel=prev',
    b'</v2/acme/jira/tags/list?last=1.0&n=100>; title="a, b"; rel="prev next"',
    *(b"120", b"Fri, 31 Dec 1999 23:59:59 GMT", b"1700000060", b"0;w=60", b"Mon Nov 30 2026", b"2.5"),
    b'{"token": "abc", "access_token": "def", "expires_in": 300}',
    b'{"name": "acme/jira", "tags": ["1.0", "2.0-rc.1", "latest", "v3", null, "sha256-' + b"a" * 64 + b'"]}',
    b'{"count": 2, "next": "https://hub.docker.com/v2/x?page=2", "results": [{"name": "1.0"}, {"name": 5}, 1]}',
    b'{"tags": [' + b",".join(b'"1.%d"' % n for n in range(50)) + b"]}",
]
ANSWER_WORDS: Sequence[bytes] = [
    *(b'"', b"\\", b",", b"=", b";", b"<", b">", b"rel=next", b"Bearer ", b"Basic ", b"realm=", b"scope=", b"[", b"{"),
    *(b"9" * 5_000, b"1e999", b"-1", b"nan", b"\xff", b"\\ud800", b"GMT", b" ", b"\t", b"http://", b"@", b"..", b"%"),
    *(b"http://[", b"https://evil.example/", b'"tags": ', b'"token": ', b"null", b"31 Feb", b"99999", b"+9999"),
]  # fmt: skip


def _host(script: Script) -> str:
    return changed_text(script, HOSTS, HOST_WORDS)


def _use_host(text: str) -> None:
    for read in (parse_url, AllowedRegistries.parse):
        with suppress(ValueError):
            read(text)
    address = parse_address(text)
    _ = address and is_forbidden(address)
    for kind in TYPES:
        try:
            url = check_registry(ALLOWED, kind, text)
        except ContractError:
            continue
        if IMAGE_PATTERN.match(text) or text.isascii():
            _use_image(kind, url, text)
            with suppress(ContractError):
                assert IMAGE_PATTERN.match(repository_in(f"{text}/acme/jira", kind, url, text))


def _use_image(kind: str, url: str, text: str) -> None:
    image = text if IMAGE_PATTERN.match(text) else "acme/jira"
    assert plugin_id_of(image)
    plugin: dict[str, Any] = {
        "registry_type": kind,
        "registry_url": url,
        "image": image,
        "registry_config": {},
    }
    ref = ImageRef.of(plugin)
    _ = ref.host, ref.budget_group, ref.repository, ref.subject, ref.key, ref.spellings


def _answer(script: Script) -> bytes:
    return changed_bytes(script, ANSWERS, ANSWER_WORDS)


def _use_answer(raw: bytes) -> None:
    # As http.client gives a header.
    text = raw.decode("latin-1")
    for challenge in parse_challenges(text):
        with suppress(ValueError):
            Realms().refusal(parse_url(HERE)[0], parse_url(challenge.realm)[0])
    for headers in (
        {"Retry-After": text},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": text},
        {"RateLimit": text},
    ):
        left = retry_after(CaseInsensitiveDict(headers), 1_700_000_000.0)
        assert left is None or 0 <= left <= 21_600
    reference = next_link(text)
    if reference is not None:
        for url in (following(HERE, reference), after(HERE, cursor_of(reference) or text, 1)):
            assert url is None or parse_url(url)[0] == parse_url(HERE)[0]
    with suppress(FetchFailed):
        _read_token(raw)
    for decoder, head in ((_Gzip(), gzip.compress(raw[:64], mtime=0)), (_Deflate(), b"")):
        with suppress(zlib.error):
            assert len(decoder.decode(head + raw, 80)) <= 80
            decoder.is_whole()
    _use_tags(raw)


def _use_tags(raw: bytes) -> None:
    tags = Tags(40)
    with suppress(FetchFailed):
        document = read_object(raw)
        _count(document)
        for key in ("tags", "results"):
            names = read_list(document, key)
            tags.add(_names(names) if key == "results" else strings_in(names))
    newest_first(tags.names())


HOSTS_AND_IMAGES = Target("hosts", _host, _use_host)
CHALLENGES = Target("challenges", _answer, _use_answer)
