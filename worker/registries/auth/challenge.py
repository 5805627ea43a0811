"""What a registry asks for with a 401, and where it may send us to get it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from worker.domain.registry.addresses import parse_address
from worker.registries.http.origin import Origin

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?=[\s,]|$)")
_PARAMETER = re.compile(rf'[\s,]*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_MAX_HEADER = 16_384

# The registries whose tokens come from elsewhere.
_REALMS = {"registry-1.docker.io": "auth.docker.io"}

# Below these too neighbours are strangers, at one depth or another, as the public suffix list does not say:
# there only the same host will do.
_SHARED = frozenset(
    {
        "aliyuncs.com",
        "amazonaws.com",
        "amazonaws.com.cn",
        "amazonaws.eu",
        "appdomain.cloud",
        "azure.com",
        "azurecr.cn",
        "azurecr.io",
        "azurecr.us",
        "baidubce.com",
        "container-registry.ovh.net",
        "digitaloceanspaces.com",
        "googleusercontent.com",
        "icr.io",
        "ionos.com",
        "jdcloud.com",
        "jfrog.io",
        "kcr.dev",
        "myhuaweicloud.com",
        "myqcloud.com",
        "nip.io",
        "ntruss.com",
        "ocir.io",
        "oraclecloud.com",
        "pkg.dev",
        "railway.app",
        "run.app",
        "scw.cloud",
        "sonatype.app",
        "sslip.io",
        "tencentcr.com",
        "volces.com",
        "windows.net",
        "xip.io",
    }
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """``scheme`` is ``bearer`` or ``basic``; ``realm`` and ``service`` are those of a Bearer challenge."""

    scheme: str
    realm: str = ""
    service: str = ""


def parse_challenge(header: str) -> Challenge | None:
    """The challenge to answer of a ``WWW-Authenticate`` header with any number: Bearer before Basic."""
    found = dict(reversed(list(_challenges(header[:_MAX_HEADER]))))  # the first of a scheme counts
    if bearer := found.get("bearer"):
        return Challenge("bearer", bearer.get("realm", ""), bearer.get("service", ""))
    return Challenge("basic") if "basic" in found else None


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    position = 0
    while match := _SCHEME.match(header, position):
        position = match.end()
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            position = parameter.end()
            name, quoted, bare = parameter.groups()
            values.setdefault(name.lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        yield match[1].lower(), values


def may_ask_for_token(registry: Origin, realm: Origin) -> bool:
    """Whether a registry's token may be had from ``realm``: a known place, the same host or owner.

    Never from plain HTTP where the registry speaks TLS.
    """
    if registry.scheme == "https" and realm.scheme != "https":
        return False
    if realm.host == registry.host or _REALMS.get(registry.host) == realm.host:
        return True
    owner = registrable_domain(registry.host)
    return owner is not None and owner == registrable_domain(realm.host)


def registrable_domain(host: str) -> str | None:
    """The part of a name that one owner registers, by the public suffix list with its private section; None
    for addresses, single labels, suffixes, and hosts of clouds that the list does not know in full.
    """
    labels = host.split(".")
    above = {".".join(labels[-count:]) for count in range(1, len(labels) + 1)}
    if parse_address(host) is not None or above & _SHARED:
        return None
    return _suffixes().privatesuffix(host)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
