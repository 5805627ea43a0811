"""A bare Celery app on kombu's own Redis transport, to compare with."""

# mypy: disallow-untyped-decorators=False
# Celery is untyped, and so are its decorators.

import os
from typing import Any

from celery import Celery

app = Celery("stock", broker=os.environ["TEST_REDIS_URL"], set_as_current=False)
app.conf.update(worker_pool="threads", worker_concurrency=1, task_acks_late=True)


@app.task(name="test.note")
def note(**_: Any) -> None:
    """Does nothing."""
