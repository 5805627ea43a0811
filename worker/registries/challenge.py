"""What a registry asks for with a 401, and where it may send us to get it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from worker.domain.addresses import parse_address
from worker.registries.origin import Origin

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?=[\s,]|$)")
_PARAMETER = re.compile(rf'[\s,]*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')
_MAX_HEADER = 16_384

# The registries whose tokens come from elsewhere.
_REALMS = {"registry-1.docker.io": "auth.docker.io"}

# Below these, neighbours are strangers, at one depth or another: there only the same host will do.
_SHARED = frozenset(
    {
        "aliyuncs.com",
        "amazonaws.com",
        "amazonaws.com.cn",
        "appdomain.cloud",
        "appspot.com",
        "azure.com",
        "azurecr.io",
        "azurewebsites.net",
        "blogspot.com",
        "cloudapp.net",
        "cloudfront.net",
        "cloudfunctions.net",
        "digitaloceanspaces.com",
        "duckdns.org",
        "dyndns.org",
        "elasticbeanstalk.com",
        "firebaseapp.com",
        "fly.dev",
        "github.io",
        "githubusercontent.com",
        "gitlab.io",
        "googleusercontent.com",
        "herokuapp.com",
        "icr.io",
        "jfrog.io",
        "myhuaweicloud.com",
        "myqcloud.com",
        "netlify.app",
        "ngrok-free.app",
        "ngrok.app",
        "ngrok.io",
        "nip.io",
        "no-ip.org",
        "ocir.io",
        "ondigitalocean.app",
        "onrender.com",
        "oraclecloud.com",
        "pages.dev",
        "pkg.dev",
        "railway.app",
        "run.app",
        "scw.cloud",
        "sslip.io",
        "tencentcr.com",
        "trycloudflare.com",
        "vercel.app",
        "web.app",
        "windows.net",
        "workers.dev",
        "xip.io",
    }
)
_SECOND_LEVEL = frozenset({"asso", "geek", "gouv", "info", "maori", "muni", "name", "school"})


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
    """The part of a name that one owner registers, or None for addresses and single labels.

    Judged without the public suffix list, and so on the safe side: where it errs, two names of one owner
    count as two owners'.
    """
    labels = host.split(".")
    suffixes = {".".join(labels[-count:]) for count in range(1, len(labels) + 1)}
    if parse_address(host) is not None or len(labels) < 2 or suffixes & _SHARED:
        return None
    second = labels[-2]
    country = len(labels[-1]) == 2
    deep = len(second) <= 2 or (country and (len(second) == 3 or second in _SECOND_LEVEL))
    count = 3 if deep else 2
    return ".".join(labels[-count:]) if len(labels) >= count else None
