"""What the throughput is measured with, and a task that does nothing.

By TEST_TRANSPORT it is the shipped app (the default), the shipped app on kombu's own transport (`stock`), or a
Celery app that has nothing else, with the same pool settings (`bare`).
"""

import os
from typing import Any

from celery import Celery

from tests.support.stock import create_stock_app
from worker.app import create_app


def noop(**fields: object) -> None:
    """Nothing: what is measured is the way here and back."""


def create_bare_app() -> Celery:
    """An app of nothing but Celery."""
    url = os.environ["PLUGINS_REDIS_URL"]
    bare = Celery("bare", broker=url, backend=url)
    bare.conf.update(
        worker_pool="threads",
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        task_acks_late=True,
        broker_connection_retry_on_startup=True,
    )
    return bare


makers: dict[str, Any] = {"lossless": create_app, "stock": create_stock_app, "bare": create_bare_app}
app = makers[os.environ.get("TEST_TRANSPORT", "lossless")]()
app.task(name="bench.noop", acks_late=True)(noop)
