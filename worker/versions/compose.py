"""What keeps versions fresh, put together."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from worker.domain.image import DomainsOf, Fetcher, without_credential
from worker.domain.schedule import Intervals
from worker.registries import BudgetTable
from worker.registries.budget.budget import Budget
from worker.store.image_queue import ImageQueue
from worker.store.images import Images
from worker.versions.discover import Adopt
from worker.versions.dispatch import LEASE_S, Dispatch, Send
from worker.versions.reader import Look
from worker.versions.refresh import Publisher, Refresh


@dataclass(frozen=True, slots=True)
class Sync:
    """The services around images; threads may share them.

    ``images`` and ``queue`` are the store, ``budget`` the registries' budgets; ``dispatch`` claims what is
    due, ``refresh`` reads it, ``adopt`` finds what nobody told about, ``look`` answers get_versions.
    """

    images: Images
    queue: ImageQueue
    budget: Budget
    dispatch: Dispatch
    refresh: Refresh
    adopt: Adopt
    look: Look

    @classmethod
    def build(
        cls,
        database: Any,
        redis: Any,
        fetcher: Fetcher,
        publisher: Publisher,
        send: Send,
        *,
        domains: DomainsOf = without_credential,
        limits: BudgetTable | None = None,
        intervals: Intervals | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], object] = time.sleep,
        stopping: Callable[[], bool] = lambda: False,
        lease_s: float = LEASE_S,
    ) -> Self:
        """The services over a database and a Redis for the budgets, whose own clock paces the requests.

        ``domains`` says who may use a credential.
        """
        intervals = intervals or Intervals()
        images, queue = Images(database, intervals), ImageQueue(database)
        budget = Budget(redis, limits or BudgetTable(), slot_s=lease_s)
        dispatch = Dispatch(queue, budget, send, clock, lease_s=lease_s)
        refresh = Refresh(
            images,
            queue,
            budget,
            fetcher,
            publisher,
            intervals,
            clock,
            sleep,
            domains=domains,
            stopping=stopping,
            lease_s=lease_s,
        )
        return cls(
            images=images,
            queue=queue,
            budget=budget,
            dispatch=dispatch,
            refresh=refresh,
            adopt=Adopt(images, clock),
            look=Look(images, dispatch, clock, domains=domains),
        )
