"""Which queue each task belongs on: one table, and the one rule over it.

The app of every process has all tasks, so that a message on a wrong queue is refused by its name rather than
taken for one of an unknown task.
"""

from collections.abc import Mapping
from typing import Final

from contracts.catalog import OPERATIONS
from contracts.errors import InvalidParameter
from contracts.partition import COMMANDS, VERSIONS
from worker.tasks.versions import FOLLOW, REFRESH, TICK

QUEUE_OF_TASK: Final[Mapping[str, str]] = {
    **{operation.task: operation.queue for operation in OPERATIONS},
    **dict.fromkeys((TICK, REFRESH, FOLLOW), VERSIONS),
}
"""By the name of the task; ``plugin.commands`` stands for its partitions too."""


def kind_of(queue: str) -> str:
    """Return the queue that ``queue`` is a partition of, or else itself."""
    return COMMANDS if queue.startswith(f"{COMMANDS}.") else queue


def check_queue(task: str, queue: str) -> None:
    """Refuse a message of ``task`` that came by a queue where it does not belong: nothing is done for it.

    A write would have no order, and a read or a refresh would hold up the writes behind it.

    Raises: ``InvalidParameter`` with ``details.path`` = ``queue``.
    """
    belongs = QUEUE_OF_TASK[task]
    if kind_of(queue) != belongs:
        raise InvalidParameter(f"{task} belongs on {belongs}, not on {queue}", details={"path": "queue"})
