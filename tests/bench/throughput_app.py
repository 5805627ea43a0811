"""What the throughput is measured with: the shipped app and a task of it that does nothing, or with
THROUGHPUT_BARE=1 a Celery app that has nothing else, with the same pool settings.
"""

from __future__ import annotations

import os

from celery import Celery


def noop(**fields: object) -> None:
    """Nothing: what is measured is the way here and back."""


if os.environ.get("THROUGHPUT_BARE"):
    url = os.environ["PLUGINS_REDIS_URL"]
    app = Celery("bare", broker=url, backend=url)
    app.conf.update(
        worker_pool="threads",
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        task_acks_late=True,
        broker_connection_retry_on_startup=True,
    )
else:
    from worker.app import create_app

    app = create_app()

app.task(name="bench.noop", acks_late=True)(noop)
