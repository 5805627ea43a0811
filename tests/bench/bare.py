"""A Celery app of nothing but Celery, on kombu's own transport: a task that does nothing is the ceiling."""

import os

from celery import Celery

from tests.bench.load import NOOPS


def create_bare_app(url: str) -> Celery:
    """Return the app, with the settings of the pool that the service has."""
    bare = Celery("bare", broker=url, backend=url, set_as_current=False)
    bare.conf.update(
        worker_pool="threads",
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        task_acks_late=True,
        broker_connection_retry_on_startup=True,
    )
    return bare


def noop(**fields: object) -> None:
    """Nothing: what is measured is the way here and back."""


app = create_bare_app(os.environ.get("PLUGINS_REDIS_URL", "redis://"))
app.task(name=NOOPS, shared=False)(noop)
