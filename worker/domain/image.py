"""An image whose versions are followed: which one it is, and what a registry answers about it.

One image is one (registry host, repository, credential), however many plugins use it.
``worker.registries`` fetches, ``worker.domain.refresh`` decides what an answer means,
``worker.domain.image_record`` is what is known of an image, and ``worker.store.images`` keeps it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from contracts.errors import RegistryReason

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

FailureReason = Literal[RegistryReason, "not_found"]
"""Why a registry gave no list; callers see it, but for ``not_found``, which is an error of its own.

``auth``: 401 or 403 of the registry or of its token service, or a credential that cannot be used.
``refused``: another error status.
``not_allowed``: our own rules: a host, an address, a realm, a redirect, a next page that is not followed.
``malformed``: an answer that is no list of tags, no token or no HTTP, or is too large.
``unreachable``: no name, no connection, no TLS, or one that broke off.
``throttled``: 429, 503, or our own budget.
``timeout``: no connection, no answer or no whole list in time.
``not_found``: 404.
"""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image's versions are found, as a plugin names it.

    ``registry_type``: one of the contract's values.
    ``registry_url``: ``host[:port]``; for AWS_PUBLIC_ECR with or without the alias path.
    ``image``: an OCI repository name.
    ``credential``: the name of a credential, or None.
    """

    registry_type: str
    registry_url: str
    image: str
    credential: str | None = None

    @classmethod
    def of(cls, plugin: Mapping[str, Any]) -> "ImageRef":
        """Return the image of a ``PluginInfo`` (as JSON or as stored)."""
        return cls(
            registry_type=plugin.get("registry_type") or "DOCKER_HUB",
            registry_url=plugin.get("registry_url") or DOCKER_HUB_HOST,
            image=plugin["image"],
            credential=(plugin.get("registry_config") or {}).get("credential") or None,
        )

    @property
    def host(self) -> str:
        """Return the registry's ``host[:port]``, lower-case; Docker Hub has one name."""
        if self.registry_type == "DOCKER_HUB":
            return DOCKER_HUB_HOST
        return self.registry_url.partition("/")[0].lower()

    @property
    def budget_group(self) -> str:
        """Return the name of the budget that a request for the image counts against: the host.

        All names of Docker Hub are one group. ECR Public counts an account apart from anonymous callers:
        there a credential is a group of its own.
        """
        if self.host in DOCKER_HUB_NAMES:
            return DOCKER_HUB_HOST
        if self.host == PUBLIC_ECR_HOST and self.credential:
            return f"{self.host}#{self.credential}"
        return self.host

    @property
    def repository(self) -> str:
        """Return the name to ask the registry for: with ``library/`` on Docker Hub, or the ECR alias."""
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
        """Return the CloudEvents subject: ``images/{registry host}/{image}[#{credential}]``."""
        return f"images/{self.host}/{self._path}" + (f"#{self.credential}" if self.credential else "")

    @property
    def key(self) -> str:
        """Return the id of the image's document: the subject."""
        return self.subject

    @property
    def spellings(self) -> tuple[tuple[str, str], ...]:
        """Return every (registry_url, image) with which a plugin may name this image."""
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
"""Returns the domains whose plugins may have an image read with its credential; None: all of them."""


def without_credential(ref: ImageRef) -> frozenset[str] | None:
    """Allow nobody to use a credential: the ``DomainsOf`` of a deployment that has no credentials."""
    return None if ref.credential is None else frozenset()


@dataclass(frozen=True, slots=True)
class TagList:
    """The tags that a registry answered.

    ``tags``: valid tag names, each once, in any order.
    ``truncated``: there may be more: a cap was met, or a page could not be followed. Default: False.
    ``complete``: these are all tags; False: only the newest, to be joined to those already known.
    ``shifted``: the list changed while its pages were read: names that exist may be missing.
    ``failure``: why the page after these tags was not read, if it failed; the list is ``truncated`` then.
    ``detail``: why it is truncated otherwise: a few words for operators. Default: none.
    """

    tags: tuple[str, ...]
    truncated: bool = False
    complete: bool = True
    shifted: bool = False
    failure: "FetchFailed | None" = None
    detail: str = ""


DETAIL_MAX = 300
"""The longest detail of a failure, in characters."""


class FetchFailed(Exception):
    """Raised when a registry gave no list.

    ``retry_after``: seconds that the registry asked for, or None.
    ``detail``: one sentence for operators, of which ``DETAIL_MAX`` characters are kept. It may name the
    registry's host and a status; never a secret, an address that a name resolved to, or a body.
    """

    def __init__(self, reason: FailureReason, retry_after: float | None = None, detail: str = "") -> None:
        detail = detail[:DETAIL_MAX]
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason: FailureReason = reason
        self.retry_after = retry_after
        self.detail = detail


class NoAnswer(FetchFailed):
    """Raised when no HTTP answer came at all: the circuit of the host counts it."""


class CutShort(Exception):
    """Raised when the read of an image ends because the process does: that is no failure of its registry."""


BeforeRequest = Callable[[], None]
"""Called before every HTTP request of a fetch, token requests included.

It returns when that request may go out, after a wait of some seconds at most for the host's pace; that wait
does not count towards the time of an image. It raises ``FetchFailed("throttled")`` when the host must be left
alone. The fetch lets every exception of it through.
"""


class Fetcher(Protocol):
    """Asks a registry for the tags of an image; ``worker.registries`` has the real one."""

    def fetch(self, ref: ImageRef, before_request: BeforeRequest, known: frozenset[str] | None) -> TagList:
        """Return all tags, or the newest ones to be joined to ``known``.

        ``known``: the tags as last read; None: read everything.
        Raises ``FetchFailed``, ``CutShort``.
        """
        ...

    def domains(self, ref: ImageRef) -> frozenset[str] | None:
        """Return the domains whose plugins may have the image read with its credential; None: all."""
        ...


def digest_of(tags: Iterable[str]) -> str:
    """Return ``sha256:`` and the hex digest of the sorted tags, one on a line, UTF-8."""
    return "sha256:" + hashlib.sha256("\n".join(sorted(tags)).encode()).hexdigest()
