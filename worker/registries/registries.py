"""The registries of this deployment: which may be named, and what tags their images have."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import time
from types import TracebackType
from typing import Self

from contracts.values import IMAGE_PATTERN
from worker.domain.image import BeforeRequest, FetchFailed, ImageRef, TagList
from worker.domain.registry.allowed import AllowedRegistries, default_port, parse_authority
from worker.domain.registry.hosts import FIXED_TYPES, type_of
from worker.registries.auth.authorizer import Account, Authorizer
from worker.registries.auth.credentials import Credential, CredentialError, Credentials
from worker.registries.auth.logins import Logins
from worker.registries.caps import Caps
from worker.registries.http.guard import Resolver, system_resolver
from worker.registries.http.origin import Origin, parse_url
from worker.registries.http.pools import Dialler
from worker.registries.http.session import Conversation
from worker.registries.kinds import KINDS
from worker.registries.mirrors import Mirror
from worker.registries.tags import docker_hub, oci

logger = logging.getLogger(__name__)


class Registries:
    """Asks registries, and only those that may be asked. For all threads; close it at the end.

    ``allowed``         hosts that callers may name (``PLUGINS_ALLOWED_REGISTRIES``).
    ``mirrors``         by registry type, asked instead (``PLUGINS_REGISTRY_MIRRORS``).
    ``credentials``     by name (``PLUGINS_REGISTRY_CREDENTIALS``).
    ``ca_files``        by ``host[:port]``: the only roots that vouch for that host; otherwise certifi's.
    ``resolver``        names to addresses; ``clock`` unix time in seconds.
    ``docker_hub_api``  where Docker Hub's API is; trusted, as a mirror is.
    ``connections``     kept alive to each host.
    """

    def __init__(
        self,
        allowed: AllowedRegistries | None = None,
        mirrors: Mapping[str, Mirror] | None = None,
        credentials: Credentials | None = None,
        caps: Caps | None = None,
        resolver: Resolver = system_resolver,
        clock: Callable[[], float] = time,
        ca_files: Mapping[str, str] | None = None,
        docker_hub_api: str = docker_hub.API,
        connections: int = 64,
    ) -> None:
        self._allowed = allowed or AllowedRegistries()
        self._mirrors = dict(mirrors or {})
        self._credentials = credentials or Credentials()
        self._caps = caps or Caps()
        self._clock = clock
        self._docker_hub_api = docker_hub_api.rstrip("/")
        trusted = {registry_type: mirror.origin for registry_type, mirror in self._mirrors.items()}
        if docker_hub_api != docker_hub.API:
            trusted.setdefault("DOCKER_HUB", parse_url(docker_hub_api)[0])

        def dialler(*trusted: Origin) -> Dialler:
            return Dialler(self._allowed, trusted, resolver, ca_files or {}, connections)

        self._dialler = dialler()
        self._diallers = {registry_type: dialler(origin) for registry_type, origin in trusted.items()}
        self._authorizer = Authorizer(clock)
        self._logins = Logins(clock)

    def may_use(self, credential: str | None, domain_id: str, host: str) -> bool:
        """Whether a plugin of that domain may use the credential for that registry; None always."""
        return credential is None or self._credentials.may_use(credential, domain_id, host)

    def domains(self, ref: ImageRef) -> frozenset[str] | None:
        """The domains whose plugins may have the image read with its credential; None: all of them."""
        return None if ref.credential is None else self._credentials.domains(ref.credential, ref.host)

    def fetch(
        self, ref: ImageRef, take: BeforeRequest | None = None, known: frozenset[str] | None = None
    ) -> TagList:
        """All tags of an image, or the newest joined to ``known`` where the registry can tell that those
        are all.

        ``take`` is called before every HTTP request, and what it raises is let through. Raises
        ``FetchFailed``.
        """
        ref = replace(ref, registry_type=type_of(ref.host, ref.registry_type))
        dialler = self._diallers.get(ref.registry_type, self._dialler)
        return self._fetch(Conversation(dialler, self._caps, take), ref, known)

    def _fetch(self, talk: Conversation, ref: ImageRef, known: frozenset[str] | None) -> TagList:
        kind = KINDS.get(ref.registry_type)
        if kind is None or not IMAGE_PATTERN.match(ref.repository):
            raise FetchFailed("refused", detail="no image that can be asked for")
        mirror = self._mirrors.get(ref.registry_type)
        credential = self._credential(ref)
        name = ref.repository
        if mirror is not None:
            base, host = str(mirror.origin), mirror.origin.authority
            name = f"{mirror.path}/{name}" if mirror.path else name
            if credential is not None and not self._credentials.fits(credential, host):
                credential = None  # it is for the registry, and not for whoever stands in for it
        elif ref.registry_type == "DOCKER_HUB" and credential is None:
            return docker_hub.list_tags(talk, self._docker_hub_api, name, known, self._clock)
        else:
            base, host = self._base(ref, kind.host), ref.host
        home, _ = parse_url(base)
        account = Account(home)
        if credential is not None:
            try:
                account = Account(home, credential.name, self._logins.get(kind.login, credential, ref.host))
            except CredentialError as fault:
                logger.warning("%s", fault)
                raise FetchFailed("auth_failed", detail="the credential cannot be used") from None
        tags = oci.list_tags(talk, self._authorizer, base, name, account)
        return TagList(tags.names(), tags.truncated)

    def _credential(self, ref: ImageRef) -> Credential | None:
        if ref.credential is None:
            return None
        credential = self._credentials.get(ref.credential)
        if credential is None or not self._credentials.fits(credential, ref.host):
            raise FetchFailed("auth_failed", detail="the credential is not for this host")
        return credential

    def _base(self, ref: ImageRef, host: str | None) -> str:
        if ref.registry_type in FIXED_TYPES:
            return f"https://{host or ref.host}"
        try:
            name, port = parse_authority(ref.registry_url)
        except ValueError:
            raise FetchFailed("refused", detail="a host that may not be asked") from None
        scheme = self._allowed.scheme(name, port)
        if scheme is None:
            raise FetchFailed("refused", detail="a host that may not be asked")
        return str(Origin(scheme, name, port or default_port(scheme)))

    def close(self) -> None:
        """Closes the connections."""
        for dialler in (self._dialler, *self._diallers.values()):
            dialler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
