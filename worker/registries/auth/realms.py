"""Where a registry's tokens may be had."""

from collections.abc import Collection

from worker.domain.registry.addresses import parse_address
from worker.domain.registry.allowed import default_port
from worker.domain.registry.suffixes import public_suffixes
from worker.registries.auth.clouds import is_token_host
from worker.registries.http.origin import Origin, Place

# Below these names too, neighbours are strangers, at one depth or another, which the public suffix list does
# not say. A token for a host below one of them comes from the same host, or from one of `clouds.py`.
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


class Realms:
    """The places where registries may have their tokens.

    ``own``: the pairs of a registry and a place of its tokens that the operator names
    (``PLUGINS_REGISTRY_REALMS``); default: none. They open no address: the guard of the connections decides
    about that.
    """

    def __init__(self, own: Collection[tuple[Place, Place]] = ()) -> None:
        self._own = own

    def refusal(self, registry: Origin, realm: Origin) -> str | None:
        """Return why a registry's token is not asked for at ``realm``, for operators; None: it may be.

        It may be at a known place, at the same host, at the same owner, or where the operator says; never
        over plain HTTP if the registry speaks TLS.
        """
        if registry.scheme == "https" and realm.scheme != "https":
            return f"the token realm {realm} of {registry.authority} does not speak TLS as the registry does"
        if realm.host == registry.host or is_token_host(registry.authority, realm.authority):
            return None
        owner = registrable_domain(registry.host)
        if owner is not None and owner == registrable_domain(realm.host):
            return None
        if any(_is_at(here, registry) and _is_at(there, realm) for here, there in self._own):
            return None
        pair = f"{registry.authority}={realm.authority}"
        return f"the token realm {realm.authority} is another's; PLUGINS_REGISTRY_REALMS does not list {pair}"


def _is_at(place: Place, origin: Origin) -> bool:
    host, port = place
    return (host, port or default_port(origin.scheme)) == (origin.host, origin.port)


def registrable_domain(host: str) -> str | None:
    """Return the part of a name that one owner registers, by the public suffix list and its private section.

    None for addresses, single labels, suffixes, and hosts of clouds that the list does not know in full.
    """
    labels = host.split(".")
    above = {".".join(labels[-count:]) for count in range(1, len(labels) + 1)}
    if parse_address(host) is not None or above & _SHARED:
        return None
    return public_suffixes().privatesuffix(host)
