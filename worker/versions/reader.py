"""Read an image's versions: what the store has; the first time, after a short wait for the fetch."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from contracts.errors import (
    ContractError,
    ImageNotFound,
    RegistryReason,
    RegistryUnavailable,
    StoreUnavailable,
    Unavailable,
    VersionsPending,
)
from contracts.results import VersionsInfo
from contracts.values import format_time
from worker.domain.clock import Clock
from worker.domain.image import DomainsOf, ImageRef, without_credential
from worker.domain.image_record import ImageRecord
from worker.domain.scope import NOBODY
from worker.domain.versions import without_attachments
from worker.registries.budget.budget import Admission
from worker.store.images import Images
from worker.versions.dispatch import Dispatch

FIRST_WAIT_S = 3.0
"""How long a caller waits for the first reading of an image, in seconds."""

WAITERS = 4
"""How many callers of one process may wait for a first reading at a time."""

_LEFT_ALONE: Mapping[Admission, RegistryReason] = {"cooldown": "throttled", "circuit_open": "unreachable"}

_WHY: Mapping[RegistryReason, str] = {
    "auth": "it does not let us in",
    "refused": "it answers with an error",
    "not_allowed": "it leads where this deployment does not follow",
    "malformed": "its answer is not a list of versions",
    "unreachable": "there is no connection to it",
    "throttled": "it asks to be left alone",
    "timeout": "it does not answer in time",
}

# The time between two looks into the store during such a wait, in seconds.
_POLL_S = 0.05


class VersionsReader:
    """Answers get_versions from the store.

    ``domains``: who may use a credential. Default: nobody.
    ``wait_s``: how long the first reading of an image is waited for, in seconds. Default: 3.
    ``waiters``: how many may wait for one at a time in this process, so that a slow registry cannot take
    every thread. Default: 4.
    """

    def __init__(
        self,
        images: Images,
        dispatch: Dispatch,
        clock: Clock,
        *,
        domains: DomainsOf = without_credential,
        wait_s: float = FIRST_WAIT_S,
        waiters: int = WAITERS,
    ) -> None:
        self._images = images
        self._dispatch = dispatch
        self._clock = clock
        self._domains = domains
        self._wait_s = wait_s
        self._waiting = threading.BoundedSemaphore(waiters)

    def versions(self, ref: ImageRef, domain_id: str = NOBODY) -> VersionsInfo:
        """Return the versions of an image, newest first; those in the store, however old they are.

        ``domain_id``: the domain of the plugin. Versions read with a credential are only for the domains that
        may use it now.
        Raises ``ImageNotFound``, ``RegistryUnavailable`` or ``VersionsPending`` where there is no list, and
        ``StoreUnavailable``.
        """
        domains = self._domains(ref)
        if domains is not None and domain_id not in domains:
            text = "the registry cannot be asked: the plugin may not use its credential"
            raise _unavailable(text, "auth")
        image = self._image(ref)
        if image is None or not image.listed:
            raise self._without_list(ref, image)
        visible = list(without_attachments(image.versions))
        return VersionsInfo(
            results=visible,
            total_count=len(visible),
            synced_at=format_time(image.synced_at) if image.synced_at else None,
            stale=image.stale(self._clock.now()),
            truncated=image.truncated,
            sync_state=image.state,
        )

    def _image(self, ref: ImageRef) -> ImageRecord | None:
        """Return the image, and request a refresh where it is stale; the first time, wait for it."""
        image = self._images.read(ref)
        now = self._clock.now()
        if image is None:
            self._images.ensure(ref, now)
        elif image.stale(now) and self._images.request_refresh(ref, now):
            image = replace(image, next_refresh_at=now)
        if image is not None and (image.listed or image.state != "pending"):
            return image
        refusal = self._start(ref)
        if refusal is not None:
            text = "the registry is left alone for now; it is asked again later"
            raise _unavailable(text, _LEFT_ALONE[refusal], self._next_try(ref, now))
        return self._first(ref)

    def _start(self, ref: ImageRef) -> Admission | None:
        """Have the image read; return why its registry is not to be asked for some time, or None."""
        try:
            sent = self._dispatch.group(ref.budget_group)
        except StoreUnavailable:
            raise
        except Unavailable:
            return None  # a tick dispatches it when the Redis of the budgets, or of the queues, is back
        return sent.refusal if sent.left_alone else None

    def _first(self, ref: ImageRef) -> ImageRecord | None:
        """Return the image after its first reading, or as it is when the wait is over."""
        if not self._waiting.acquire(blocking=False):
            return self._images.read(ref)
        try:
            deadline = self._clock.monotonic() + self._wait_s
            while True:
                image = self._images.read(ref)
                if image is not None and (image.listed or image.state != "pending"):
                    return image
                if self._clock.monotonic() >= deadline:
                    return image
                self._clock.sleep(_POLL_S)
        finally:
            self._waiting.release()

    def _without_list(self, ref: ImageRef, image: ImageRecord | None) -> ContractError:
        if image is None or image.state in ("ok", "pending"):
            return VersionsPending("the versions are being fetched for the first time")
        if image.state == "not_found":
            return ImageNotFound(f"the registry has no image {ref.image}")
        # A 404 is believed at the third in a row.
        reason = None if image.last_error == "not_found" else image.last_error
        next_try_at = self._next_try(ref, image.next_refresh_at)
        why = f": {_WHY[reason]}" if reason else ""
        text = f"the registry did not give the versions{why}; it is asked again at {format_time(next_try_at)}"
        return _unavailable(text, reason, next_try_at)

    def _next_try(self, ref: ImageRef, due: datetime | None) -> datetime:
        """Return when the image is read next: when it is due, and its registry is not left alone.

        ``due``: None: it was not followed until now.
        """
        now = self._clock.now()
        try:
            alone_s = self._dispatch.left_alone_s(ref.budget_group, ref.registry_type)
        except Unavailable:
            alone_s = 0.0  # nobody is asked before that Redis is back, and nobody knows when that is
        return max(due or now, now + timedelta(seconds=alone_s))


def _unavailable(
    text: str, reason: RegistryReason | None, next_try_at: datetime | None = None
) -> RegistryUnavailable:
    details = {"reason": reason, "next_try_at": next_try_at and format_time(next_try_at)}
    return RegistryUnavailable(text, details={name: value for name, value in details.items() if value})
