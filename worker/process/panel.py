"""What remote control may ask: what a worker does, and that it tells of its tasks. Nothing can be changed."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from celery.utils.collections import AttributeDict
from celery.worker import control

_SHOWN: Final = (
    "accept_content",
    "enable_utc",
    "result_serializer",
    "task_acks_late",
    "task_default_queue",
    "task_serializer",
    "timezone",
    "worker_concurrency",
    "worker_pool",
    "worker_prefetch_multiplier",
)
"""The settings of Celery that are shown. No other can hold a password, or become one that does."""

_MOST_IDS: Final = 100
_TRIES: Final = 10

ONLY_LOOKS: Final = (
    "this panel only looks: nothing that changes a worker is there. "
    "End a worker with SIGTERM; for all else restart it with other settings"
)
NO_PATTERNS: Final = "this panel takes the names of workers, and no patterns"
BUSY: Final = "too much changes at this moment: ask again"


def _conf(state: Any) -> dict[str, Any]:
    return {name: state.app.conf[name] for name in _SHOWN}


def _registered(state: Any) -> list[str]:
    return sorted(state.app.tasks)


LOOKS: Final[Mapping[str, Callable[..., Any]]] = {
    "active": control.active,
    "active_queues": control.active_queues,
    "clock": control.clock,
    "conf": _conf,
    "disable_events": control.disable_events,
    "enable_events": control.enable_events,
    "heartbeat": control.heartbeat,
    "ping": control.ping,
    "query_task": control.query_task,
    "registered": _registered,
    "reserved": control.reserved,
    "revoked": control.revoked,
    "scheduled": control.scheduled,
    "stats": control.stats,
}
"""By the names of Celery. Whatever a sender adds, none gets an argument but ``query_task`` its ids."""


class Panel:
    """Answers the questions of remote control about one worker.

    ``consumer``: the worker's consumer of Celery.
    """

    def __init__(self, consumer: Any) -> None:
        self.hostname = str(consumer.hostname)
        self._state = AttributeDict(app=consumer.app, hostname=self.hostname, consumer=consumer, tset=set)

    def answer(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """Return the answer to a question; an object with ``error`` says in words why there is none."""
        look = LOOKS.get(method)
        if look is None:
            return {"error": f"{ONLY_LOOKS}."}
        given = {"ids": _ids(arguments.get("ids"))} if method == "query_task" else {}
        for _ in range(_TRIES):
            try:
                return look(self._state, **given)
            except RuntimeError:
                # Other threads add to the sets of requests while they are copied.
                continue
        return {"error": BUSY}


def _ids(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [task_id for task_id in listed[:_MOST_IDS] if isinstance(task_id, str)]
