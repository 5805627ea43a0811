"""Look at an image's versions: what the store has; on a first look, after a short wait for the fetch."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from contracts.errors import (
    ContractError,
    ImageNotFound,
    RegistryUnavailable,
    StoreUnavailable,
    Unavailable,
    VersionsPending,
)
from contracts.results import VersionsInfo
from contracts.values import format_time
from worker.domain.image import DomainsOf, Image, ImageRef, without_credential
from worker.domain.scope import NOBODY
from worker.domain.versions import without_attachments
from worker.store.images import Images
from worker.versions.dispatch import Dispatch

FIRST_LOOK_S = 3.0
WAITERS = 4
_POLL_S = 0.05


class Look:
    """Answers get_versions from the store.

    ``clock`` gives the time in UTC, ``domains`` who may use a credential. A first look waits up to ``wait_s``
    for the first fetch, with at most ``waiters`` at a time in this process, so that a registry that is slow
    cannot take every thread.
    """

    def __init__(
        self,
        images: Images,
        dispatch: Dispatch,
        clock: Callable[[], datetime],
        *,
        domains: DomainsOf = without_credential,
        wait_s: float = FIRST_LOOK_S,
        waiters: int = WAITERS,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = images
        self._dispatch = dispatch
        self._clock = clock
        self._domains = domains
        self._wait_s = wait_s
        self._waiting = threading.BoundedSemaphore(waiters)
        self._sleep = sleep
        self._monotonic = monotonic

    def versions(self, ref: ImageRef, domain_id: str = NOBODY) -> VersionsInfo:
        """The versions of an image, newest first; with a list in the store it is answered, however old.

        ``domain_id`` is whose plugin it is. Raises ``ImageNotFound``, ``RegistryUnavailable``,
        ``VersionsPending`` where there is no list, and ``StoreUnavailable``. What was read with a credential
        is for the domains that may use it now; for others it is ``RegistryUnavailable``.
        """
        domains = self._domains(ref)
        if domains is not None and domain_id not in domains:
            raise RegistryUnavailable("the registry cannot be asked: the plugin may not use its credential")
        image = self._images.read(ref)
        now = self._clock()
        if image is None:
            self._images.ensure(ref, now)
        elif image.stale(now):
            self._images.look(ref, now)
        if image is None or (image.state == "pending" and not image.listed):
            if self._is_left_alone(ref):
                raise RegistryUnavailable("the registry is left alone for now; it is asked again later")
            image = self._first(ref)
        if image is None or not image.listed:
            raise _without_list(ref, image)
        shown = list(without_attachments(image.versions))
        return VersionsInfo(
            results=shown,
            total_count=len(shown),
            synced_at=format_time(image.synced_at) if image.synced_at else None,
            stale=image.stale(now),
            truncated=image.truncated,
            sync_state=image.state,
        )

    def _is_left_alone(self, ref: ImageRef) -> bool:
        """Have the image read; whether its registry is not to be asked for some time."""
        try:
            return self._dispatch.host(ref.group).left_alone
        except StoreUnavailable:
            raise
        except Unavailable:
            return False  # a tick dispatches it when the Redis of the budgets, or of the queues, is back

    def _first(self, ref: ImageRef) -> Image | None:
        """The image after its first fetch, or as it is when the wait is over."""
        if not self._waiting.acquire(blocking=False):
            return self._images.read(ref)
        try:
            deadline = self._monotonic() + self._wait_s
            while True:
                image = self._images.read(ref)
                if image is not None and (image.listed or image.state != "pending"):
                    return image
                if self._monotonic() >= deadline:
                    return image
                self._sleep(_POLL_S)
        finally:
            self._waiting.release()


def _without_list(ref: ImageRef, image: Image | None) -> ContractError:
    state = image.state if image else "pending"
    if state == "not_found":
        return ImageNotFound(f"the registry has no image {ref.image}")
    if state in ("unavailable", "auth_failed"):
        return RegistryUnavailable("the registry did not give the versions; they are asked for again")
    return VersionsPending("the versions are being fetched for the first time")
