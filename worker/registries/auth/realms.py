"""Where a registry's tokens may be had."""

from functools import cache

from publicsuffixlist import PublicSuffixList

from worker.domain.registry.addresses import parse_address
from worker.registries.http.origin import Origin

# The registries whose tokens come from elsewhere.
_REALMS = {"registry-1.docker.io": "auth.docker.io"}

# Below these names too, neighbours are strangers, at one depth or another, which the public suffix list does
# not say. A token for a host below one of them comes from the same host only.
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


def may_ask_for_token(registry: Origin, realm: Origin) -> bool:
    """Return whether a registry's token may be had from ``realm``: a known place, the same host or owner.

    Never over plain HTTP if the registry speaks TLS.
    """
    if registry.scheme == "https" and realm.scheme != "https":
        return False
    if realm.host == registry.host or _REALMS.get(registry.host) == realm.host:
        return True
    owner = registrable_domain(registry.host)
    return owner is not None and owner == registrable_domain(realm.host)


def registrable_domain(host: str) -> str | None:
    """Return the part of a name that one owner registers, by the public suffix list and its private section.

    None for addresses, single labels, suffixes, and hosts of clouds that the list does not know in full.
    """
    labels = host.split(".")
    above = {".".join(labels[-count:]) for count in range(1, len(labels) + 1)}
    if parse_address(host) is not None or above & _SHARED:
        return None
    return _suffixes().privatesuffix(host)


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
