"""An image whose versions are followed: which one it is, what is known of it, what a registry said.

One image is one (registry host, repository, credential), however many plugins use it. Nothing here asks
anybody: ``worker.registries`` fetches, ``worker.domain.refresh`` decides what an answer means,
``worker.store.images`` keeps it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from contracts.results import SyncState
from worker.domain.event import Pending

DOCKER_HUB_HOST = "registry.hub.docker.com"
DOCKER_HUB_NAMES = frozenset(
    {
        DOCKER_HUB_HOST,
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "hub.docker.com",
        "registry.docker.io",
    }
)
PUBLIC_ECR_HOST = "public.ecr.aws"

FailureReason = Literal["throttled", "unavailable", "auth_failed", "not_found", "refused"]


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image's versions are found, as a plugin names it.

    ``registry_type`` is one of the contract's values, ``registry_url`` is ``host[:port]`` (for AWS_PUBLIC_ECR
    with or without the alias path), ``image`` an OCI repository name, ``credential`` the name of a credential
    or None.
    """

    registry_type: str
    registry_url: str
    image: str
    credential: str | None = None

    @classmethod
    def of(cls, plugin: Mapping[str, Any]) -> "ImageRef":
        """The image of a ``PluginInfo`` (as JSON or as stored)."""
        return cls(
            registry_type=plugin.get("registry_type") or "DOCKER_HUB",
            registry_url=plugin.get("registry_url") or DOCKER_HUB_HOST,
            image=plugin["image"],
            credential=(plugin.get("registry_config") or {}).get("credential") or None,
        )

    @property
    def host(self) -> str:
        """The registry's ``host[:port]``, lower-case; Docker Hub has one name."""
        if self.registry_type == "DOCKER_HUB":
            return DOCKER_HUB_HOST
        return self.registry_url.partition("/")[0].lower()

    @property
    def group(self) -> str:
        """Whose budget a request to it counts against: the host.

        All names of Docker Hub are one group. ECR Public counts an account apart from anonymous callers, so
        there a credential is a group of its own.
        """
        if self.host in DOCKER_HUB_NAMES:
            return DOCKER_HUB_HOST
        if self.host == PUBLIC_ECR_HOST and self.credential:
            return f"{self.host}#{self.credential}"
        return self.host

    @property
    def repository(self) -> str:
        """The name to ask the registry for: with ``library/`` on Docker Hub, with the alias on ECR Public."""
        if self.registry_type == "DOCKER_HUB" and "/" not in self.image:
            return f"library/{self.image}"
        return self._path

    @property
    def _path(self) -> str:
        alias = self.registry_url.partition("/")[2].strip("/")
        if self.host != PUBLIC_ECR_HOST or not alias or self.image.startswith(f"{alias}/"):
            return self.image
        return f"{alias}/{self.image}"

    @property
    def subject(self) -> str:
        """The CloudEvents subject: ``images/{registry host}/{image}``, and ``#{credential}`` behind it."""
        return f"images/{self.host}/{self._path}" + (f"#{self.credential}" if self.credential else "")

    @property
    def key(self) -> str:
        """The id of its document: the subject."""
        return self.subject

    @property
    def spellings(self) -> tuple[tuple[str, str], ...]:
        """Every (registry_url, image) with which a plugin may name this very image."""
        if self.registry_type == "DOCKER_HUB":
            return ((DOCKER_HUB_HOST, self.image),)
        if self.host != PUBLIC_ECR_HOST:
            return ((self.registry_url, self.image),)
        alias, _, rest = self._path.partition("/")
        whole = (self.host, self._path)
        if not rest:
            return (whole,)
        return (whole, (f"{self.host}/{alias}", rest), (f"{self.host}/{alias}", self._path))


DomainsOf = Callable[[ImageRef], frozenset[str] | None]
"""The domains whose plugins may have an image read with its credential; None: all of them."""


def without_credential(ref: ImageRef) -> frozenset[str] | None:
    """The ``DomainsOf`` of a deployment that has no credentials: nobody may use one."""
    return None if ref.credential is None else frozenset()


@dataclass(frozen=True, slots=True)
class Listing:
    """What a registry answered.

    ``tags``       valid tag names, each once, in no order.
    ``complete``   the tags are all there are; False: they are only the newest, to be joined to what is known.
    ``truncated``  there are more, but a cap on tags or pages was met.
    ``shifted``    it changed while its pages were read: names that exist may be missing.
    """

    tags: tuple[str, ...]
    truncated: bool = False
    complete: bool = True
    shifted: bool = False


class FetchFailed(Exception):
    """Raised when a registry gave no list.

    ``reason``       ``throttled`` (429, 503, or our own budget), ``unavailable`` (network, 5xx, nonsense),
                     ``auth_failed`` (401, 403), ``not_found`` (404), ``refused`` (not dialled, not followed).
    ``retry_after``  seconds that the registry asked for, or None.
    ``detail``       one sentence for the log; never a secret, an address or a body.
    ``unreachable``  no HTTP answer came at all (DNS, connect, TLS, timeout): the host's circuit counts it.
    """

    def __init__(
        self,
        reason: FailureReason,
        retry_after: float | None = None,
        detail: str = "",
        *,
        unreachable: bool = False,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: FailureReason = reason
        self.retry_after = retry_after
        self.detail = detail
        self.unreachable = unreachable


Take = Callable[[], None]
"""Called before every HTTP request of a fetch, token requests included.

It returns when that request may go out, after a wait of some seconds at most for the host's pace; that wait
does not count towards the time of an image. It raises ``FetchFailed("throttled")`` when the host must be left
alone. Whatever it raises is to be let through.
"""


class Fetcher(Protocol):
    """Asks a registry for the tags of an image; ``worker.registries`` has the real one."""

    def fetch(self, ref: ImageRef, take: Take, known: frozenset[str] | None) -> Listing:
        """All tags, or the newest ones joined to ``known`` (the tags as last read; None: read everything).

        Raises ``FetchFailed``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Image:
    """What is known of an image: its document, without lease and priority.

    ``versions`` are all tags, newest first; ``digest`` is ``sha256:`` of them sorted; ``revision`` counts the
    changes of the list from 1 (0: never read). ``next_refresh_at`` None: parked, because no plugin uses it.
    ``suspicious`` is the digest of a list that lost so much that it takes a second such reading to count.
    """

    ref: ImageRef
    state: SyncState = "pending"
    versions: tuple[str, ...] = ()
    digest: str = ""
    revision: int = 0
    truncated: bool = False
    synced_at: datetime | None = None
    changed_at: datetime | None = None
    next_refresh_at: datetime | None = None
    interval_s: float = 0.0
    failures: int = 0
    not_found_in_row: int = 0
    suspicious: str | None = None
    last_error: str | None = None
    outbox: tuple[Pending, ...] = ()

    @property
    def listed(self) -> bool:
        """Whether there is a version list to answer with."""
        return self.synced_at is not None

    def stale(self, now: datetime) -> bool:
        """Past its due time, or the last attempt failed, or not followed any more."""
        return (
            self.state != "ok"
            or self.next_refresh_at is None
            or self.next_refresh_at <= now
            or self.failures > 0
        )


def digest_of(tags: Iterable[str]) -> str:
    """``sha256:`` and the hex digest of the sorted tags, one a line, UTF-8."""
    return "sha256:" + hashlib.sha256("\n".join(sorted(tags)).encode()).hexdigest()
