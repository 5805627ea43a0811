"""The registries of this deployment: which may be named, and what tags their images have."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

from contracts.values import IMAGE_PATTERN
from worker.domain.clock import Clock
from worker.domain.image import BeforeRequest, FetchFailed, ImageRef, TagList
from worker.domain.registry.allowed import AllowedRegistries, default_port, parse_authority
from worker.domain.registry.hosts import FIXED_TYPES, type_of
from worker.registries.auth.account import Account
from worker.registries.auth.authorizer import Authorizer
from worker.registries.auth.credentials import Credential, CredentialError, Credentials
from worker.registries.auth.logins import Logins
from worker.registries.auth.realms import Realms
from worker.registries.http.bounds import apart, until
from worker.registries.http.caps import Caps
from worker.registries.http.deadline import Deadline
from worker.registries.http.guard import Resolver, system_resolver
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.pools import ConnectionPools
from worker.registries.http.proxy import Proxy
from worker.registries.http.session import RegistrySession
from worker.registries.kinds import KINDS
from worker.registries.settings import Mirror
from worker.registries.tags.docker_hub import API, list_docker_hub_tags
from worker.registries.tags.oci import list_oci_tags

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Network:
    """The network around this process.

    ``resolver``: names to addresses. ``docker_hub_api``: where Docker Hub's API is; an address other than the
    public one is trusted as a mirror is. ``realms``: where registries have their tokens.
    ``proxy``: through which registries are reached; None: directly.
    ``ca_files``: paths by ``host[:port]``, each the only roots of trust for its host; otherwise certifi's.
    """

    resolver: Resolver = system_resolver
    docker_hub_api: str = API
    realms: Realms = field(default_factory=Realms)
    proxy: Proxy | None = None
    ca_files: Mapping[str, str] = field(default_factory=dict)

    def trusted(self, mirrors: Mapping[str, Mirror]) -> dict[str, Origin]:
        """Return the trusted origin of each registry type that has one."""
        own = {} if self.docker_hub_api == API else {"DOCKER_HUB": parse_url(self.docker_hub_api)[0]}
        return own | {registry_type: mirror.origin for registry_type, mirror in mirrors.items()}


class Registries:
    """Asks registries, and only those that may be asked. For all threads; close it at the end.

    ``allowed``: hosts that callers may name (``PLUGINS_ALLOWED_REGISTRIES``); None: no host.
    ``mirrors``: by registry type, asked instead (``PLUGINS_REGISTRY_MIRRORS``).
    ``credentials``: by name (``PLUGINS_REGISTRY_CREDENTIALS``).
    ``caps``: the limits of one image's fetch (``PLUGINS_REGISTRY_CAPS``).
    ``network``: the network around this process. ``stopping``: returns whether the process is to end.
    """

    def __init__(
        self,
        allowed: AllowedRegistries | None = None,
        mirrors: Mapping[str, Mirror] | None = None,
        credentials: Credentials | None = None,
        caps: Caps | None = None,
        network: Network | None = None,
        clock: Clock | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._stopping = stopping
        self._allowed = allowed or AllowedRegistries()
        self._mirrors = dict(mirrors or {})
        self._credentials = credentials or Credentials()
        self._caps = caps or Caps()
        self._network = network or Network()
        self._clock = clock or Clock.system()
        self._pools = self._open_pools()
        trusted = self._network.trusted(self._mirrors)
        self._pools_by_type = {name: self._open_pools(origin) for name, origin in trusted.items()}
        self._authorizer = Authorizer(self._clock, self._network.realms)
        self._logins = Logins(self._clock)

    def _open_pools(self, *trusted: Origin) -> ConnectionPools:
        network = self._network
        return ConnectionPools(self._allowed, trusted, network.resolver, network.ca_files, network.proxy)

    def domains(self, ref: ImageRef) -> frozenset[str] | None:
        """Return the domains whose plugins may have the image read with its credential; None: all of them."""
        return None if ref.credential is None else self._credentials.domains(ref.credential, ref.host)

    def fetch(
        self, ref: ImageRef, before_request: BeforeRequest | None = None, known: frozenset[str] | None = None
    ) -> TagList:
        """Return all tags of an image, or the newest page if nothing else is new.

        ``before_request``: called before every HTTP request; what it raises is let through. None: nothing.
        ``known``: the tags as last read; None: read everything.

        Raises: ``FetchFailed``; ``CutShort`` when the process ends.
        """
        deadline = Deadline(self._caps.image_s, self._stopping)
        ref = replace(ref, registry_type=type_of(ref.host, ref.registry_type))
        profile = KINDS.get(ref.registry_type)
        if profile is None or not IMAGE_PATTERN.match(ref.repository):
            raise FetchFailed("not_allowed", detail="not an image that can be asked for")
        mirror = self._mirrors.get(ref.registry_type)
        credential = self._credential(ref)
        name = ref.repository
        if mirror is not None:
            base, host = str(mirror.origin), mirror.origin.authority
            name = f"{mirror.path}/{name}" if mirror.path else name
            if credential is not None and not self._credentials.fits(credential, host):
                credential = None  # it is for the registry, and not for whoever stands in for it
        elif ref.registry_type == "DOCKER_HUB" and credential is None:
            api = self._network.docker_hub_api.rstrip("/")
            session = self._session(ref, deadline, before_request, parse_url(api)[0])
            return list_docker_hub_tags(session, api, name, known, self._clock)
        else:
            base = self._base(ref, profile.oci_host)
        home = parse_url(base)[0]
        account = self._account(home, credential, ref, deadline)
        session = self._session(ref, deadline, before_request, home)
        return list_oci_tags(session, self._authorizer, base, name, account)

    def _session(
        self, ref: ImageRef, deadline: Deadline, before_request: BeforeRequest | None, home: Origin
    ) -> RegistrySession:
        pools = self._pools_by_type.get(ref.registry_type, self._pools)
        return RegistrySession(pools, self._caps, deadline, before_request, home)

    def _credential(self, ref: ImageRef) -> Credential | None:
        if ref.credential is None:
            return None
        credential = self._credentials.get(ref.credential)
        if credential is None or not self._credentials.fits(credential, ref.host):
            raise FetchFailed("auth", detail="the credential is not for this host")
        return credential

    def _account(
        self, home: Origin, credential: Credential | None, ref: ImageRef, deadline: Deadline
    ) -> Account:
        if credential is None:
            return Account(home)
        get = partial(self._logins.get, KINDS[ref.registry_type].login, credential, ref.host)
        try:
            with until(deadline):
                # The libraries of the clouds take what time they like.
                login = get() if credential.provider is None else apart(get)
        except CredentialError as error:
            logger.warning("%s", error)
            raise FetchFailed("auth", detail="the credential cannot be used") from None
        except TimeoutError:
            deadline.check()
            raise FetchFailed("timeout", detail="its cloud gave no token in time") from None
        return Account(home, credential.name, login)

    def _base(self, ref: ImageRef, oci_host: str | None) -> str:
        if ref.registry_type in FIXED_TYPES:
            return f"https://{oci_host or ref.host}"
        try:
            name, port = parse_authority(ref.registry_url)
        except ValueError:
            raise FetchFailed("not_allowed", detail="a host that may not be asked") from None
        scheme = self._allowed.scheme(name, port)
        if scheme is None:
            raise FetchFailed("not_allowed", detail="a host that may not be asked")
        return str(Origin(scheme, name, port or default_port(scheme)))

    def close(self) -> None:
        """Close the connections."""
        for pools in (self._pools, *self._pools_by_type.values()):
            pools.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
