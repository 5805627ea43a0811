"""Spellings of hosts, of which resolvers and parsers disagree: one is taken only as it will be dialled."""

import re

import pytest

from contracts.errors import ContractError
from worker.domain.registry.allowed import AllowedRegistries, parse_authority
from worker.domain.registry.hosts import FIXED_TYPES, REGISTRY_TYPES, check_registry
from worker.registries.http.origin import parse_url

ALLOWED = AllowedRegistries.parse(
    "127.0.0.1:5000,kube.example,.k8s.example,http://[::1]:5000,10.0.0.0/8,8.8.8.8"
)

KELVIN, LONG_S, DOTLESS_I, DOTTED_I = "\u212a", "\u017f", "\u0131", "\u0130"

TAKEN = {
    "127.0.0.1:5000": "127.0.0.1:5000",
    "127.0.0.1:05000": "127.0.0.1:5000",
    "KUBE.Example": "kube.example",
    "kube.example.": "kube.example",
    "kube.example:443": "kube.example",
    "kube.example.:443": "kube.example",
    "a.k8s.example": "a.k8s.example",
    "A.B.K8S.example:5000": "a.b.k8s.example:5000",
    "xn--hfen-loa.k8s.example": "xn--hfen-loa.k8s.example",
    "a_b.k8s.example": "a_b.k8s.example",
    "[::1]:5000": "[::1]:5000",
    "[0:0:0:0:0:0:0:1]:5000": "[::1]:5000",
    "[0000::0001]:5000": "[::1]:5000",
    "10.1.2.3": "10.1.2.3",
    "10.1.2.3:80": "10.1.2.3:80",
    "8.8.8.8": "8.8.8.8",
    "8.8.8.8:443": "8.8.8.8",
}

REFUSED = [
    # Zones, and what a split at the zone would make of it.
    *(
        "127.0.0.1%2f.evil:5000",
        "127.0.0.1%25.k8s.example",
        "127.0.0.1%.k8s.example",
        "8.8.8.8%eth0",
        "8.8.8.8%",
    ),
    *(
        "[::1%25lo]:5000",
        "[::1%lo]:5000",
        "[::1]%lo:5000",
        "[fe80::1%eth0]",
        "kube.example%00",
        "kube.example%2e",
    ),
    # Letters that are ours in one case.
    *(f"{KELVIN}ube.example", f"a.{KELVIN}8s.example", f"kube.example{DOTLESS_I}", f"{LONG_S}.k8s.example"),
    *(
        f"a{DOTTED_I}.k8s.example",
        "kube.ex\u00e4mple",
        "kube\u3002example",
        "kube\uff0eexample",
        "\uff4bube.example",
    ),
    *(
        "kube.example\u200b",
        "kube.e\u00adxample",
        "\u202eelpmaxe.ebuk",
        "８.8.8.8",
        "8.8.8.٨",
        "127.0.0.1:５000",
    ),
    # Short and odd spellings of addresses.
    *(
        "127.1",
        "127.1:5000",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
    ),
    *(
        "127.0.0.01",
        "127.000.000.001",
        "127.0.0.1.",
        "127.0.0.1..",
        "0",
        "0.0",
        "8.8.8",
        "8.8.2056",
        "010.8.8.8",
    ),
    *(
        "256.8.8.8",
        "8.8.8.8.8",
        "0x8.8.8.8",
        "8.8.8.0x8",
        "1e3",
        "a.0x7f",
        "a.k8s.example.1",
        "a.k8s.example.0x1",
    ),
    *("::1", "::1:5000", "[::1", "::1]", "[::1]]", "[[::1]]", "[]", "[:]", "[::1]5000", "[127.0.0.1]:5000"),
    *("[8.8.8.8]", "[v1.::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]:5000", "[::g]", "[1:2:3:4:5:6:7:8:9]"),
    # Whatever is more than a host and a port.
    *(
        "http://kube.example",
        "//kube.example",
        "kube.example/",
        "kube.example/x",
        "kube.example?x",
        "kube.example#x",
    ),
    *(
        "u@kube.example",
        "u:p@kube.example",
        "@kube.example",
        "kube.example@8.8.8.8",
        "kube.example\\@8.8.8.8",
    ),
    *("kube.example:", "kube.example:0", "kube.example:65536", "kube.example:-1", "kube.example:+443"),
    *(
        "kube.example:443:443",
        "kube.example:4 43",
        "kube.example:0x1bb",
        "kube.example: 443",
        "kube.example:1e2",
    ),
    *(
        " kube.example",
        "kube.example ",
        "kube.example\n",
        "kube.example\r\nHost: x",
        "kube\t.example",
        "kube.example\x00",
    ),
    *(
        "",
        ".",
        "..",
        ".kube.example",
        "kube..example",
        "kube.example..",
        "-kube.example",
        "kube-.example",
        "*.k8s.example",
    ),
    *(
        "a" * 64 + ".k8s.example",
        "a." * 125 + "k8s.example",
        "a,kube.example",
        "kube.example,8.8.8.8",
        "a b.k8s.example",
    ),
    *(
        'kube.example"',
        "kube.example'",
        "kube.example;x",
        "kube.example|x",
        "kube.example<",
        "kube.example`x`",
        "$HOST",
    ),
]


@pytest.mark.parametrize("host", TAKEN)
@pytest.mark.parametrize("kind", ["OCI", "HARBOR"])
def test_what_is_taken_is_one_spelling(kind: str, host: str) -> None:
    stored = check_registry(ALLOWED, kind, host)
    assert stored == TAKEN[host] == check_registry(ALLOWED, kind, stored)
    assert re.fullmatch(r"[a-z0-9._:\[\]-]+", stored)
    assert ALLOWED.scheme(*parse_authority(stored))


@pytest.mark.parametrize("host", REFUSED)
def test_what_is_refused(host: str) -> None:
    for kind in sorted(REGISTRY_TYPES - {"DOCKER_HUB"}):
        with pytest.raises(ContractError):
            check_registry(ALLOWED, kind, host)
    if host:
        with pytest.raises(ContractError):
            check_registry(ALLOWED, "DOCKER_HUB", host)


@pytest.mark.parametrize("kind", sorted(FIXED_TYPES))
@pytest.mark.parametrize(
    "host", ["Doc\u212aer.io", "ghcr.\u0131o", "public.ecr.aw\u017f", "ghcr.io\u200b", "ghcr.io%"]
)
def test_a_fixed_host_has_no_other_letters(kind: str, host: str) -> None:
    with pytest.raises(ContractError):
        check_registry(ALLOWED, kind, host)


@pytest.mark.parametrize(
    "url",
    [
        *(
            f"http://kube.example/{letter}"
            for letter in (KELVIN, LONG_S, DOTLESS_I, DOTTED_I, "\u00e4", "\x7f", "\x1b")
        ),
        *(
            f"http{LONG_S}://kube.example/",
            f"http://{KELVIN}ube.example/",
            "http://127.0.0.1%2f.evil/",
            "ftp://a/",
        ),
        *(
            "http://kube.example/a b",
            "http://kube.example/#",
            "http://kube.example/?a#b",
            "http://kube.example\\x",
        ),
        *(
            "http://u@kube.example/",
            "http:///x",
            "http://kube.example/" + "x" * 8192,
            "http://[::1%25lo]/",
            "http:kube",
        ),
    ],
)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"host|URL|port") as told:
        parse_url(url)
    assert url not in str(told.value)


def test_the_corpus_is_as_large_as_it_was() -> None:
    assert len({*TAKEN, *REFUSED}) >= 102
