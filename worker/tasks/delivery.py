"""From a message's request to what a decision has to know of it."""

from typing import Any

from worker.domain.delivery import Delivery, Lease, NoLease
from worker.tasks.envelope import deadline, header


def delivery_of(
    request: Any, lease: Lease | None = None, epoch: int = 0, redelivered: bool = False
) -> Delivery:
    """The delivery behind a Celery request. Raises ``InvalidParameter`` for an unusable ``expires``."""
    return Delivery(
        command_id=request.id,
        epoch=epoch,
        redelivered=redelivered or bool((request.delivery_info or {}).get("redelivered")),
        expires=deadline(request.expires),
        traceparent=header(request, "traceparent"),
        lease=lease or NoLease(),
    )
