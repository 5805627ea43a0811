"""Celery's request for one message."""

from typing import Any

from celery.app.trace import fast_trace_task
from celery.worker import state
from celery.worker.request import Request as CeleryRequest

from worker.transport.delivery import Delivery
from worker.transport.encode import NO_CANVAS
from worker.transport.protocol import Envelope

_SHOWN = 1024


class Request(CeleryRequest):  # type: ignore[misc]  # celery is untyped
    """Has the message as ``delivery``, and gives it to the task as ``self.request.delivery``.

    Celery acts on ``eta``, ``expires``, ``timelimit``, callbacks and the like before the task runs, and fails
    for some of their values, so it does not get them. The task finds them in ``delivery.headers``.

    Only for pools of threads.
    """

    def __init__(self, delivery: Delivery, envelope: Envelope, **options: Any) -> None:
        super().__init__(
            delivery,
            headers=_headers(envelope),
            body=(envelope.args, envelope.kwargs, dict(NO_CANVAS)),
            decoded=True,
            **options,
        )
        self.delivery = delivery
        self._request_dict["delivery"] = delivery

    def info(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Return what is shown of the message: nothing that a caller sent but its id."""
        shown: dict[str, Any] = super().info(safe=True)
        return shown

    def acknowledge(self) -> None:
        """Forget the message. Harmless if it is settled already."""
        self.delivery.ack()

    def reject(self, requeue: bool = False) -> None:
        """Leave the message to go back to the head of its queue, or park it: no message is ever dropped.

        It goes back when its job ends, because what was taken behind it must go back before it.
        """
        if requeue:
            self.send_event("task-rejected", requeue=True)
        else:
            self.delivery.park("rejected")

    @property
    def acknowledged(self) -> bool:
        """Whether the message is settled."""
        return self.delivery.settled

    # What a worker tells of a task that its group carries out

    def run(self) -> None:
        """Run the task here, in the thread of its group, as a pool would."""
        self.on_success(fast_trace_task(self.type, self.id, self.request_dict, self.body, None, None))

    def succeed(self, runtime_s: float) -> None:
        """Forget the message, and tell those who watch that the task has succeeded."""
        self.delivery.ack()
        self.send_event("task-succeeded", result="", runtime=runtime_s)

    def fail(self, error: Exception) -> None:
        """Forget the message, and tell those who watch that the task has failed with ``error``."""
        self.delivery.ack()
        # Its text may hold what a caller sent.
        self.send_event("task-failed", exception=type(error).__name__, traceback="")

    def leave(self) -> None:
        """Tell Celery that this process is done with the task."""
        state.task_ready(self)


def _headers(envelope: Envelope) -> dict[str, Any]:
    sent = envelope.headers
    ignore_result = sent.get("ignore_result")
    return {
        "lang": "py",
        "task": envelope.task,
        "id": envelope.id,
        "root_id": _text(sent.get("root_id")) or envelope.id,
        "parent_id": _text(sent.get("parent_id")) or None,
        "origin": _text(sent.get("origin")),
        "argsrepr": "",
        "kwargsrepr": "",
        "ignore_result": ignore_result if isinstance(ignore_result, bool) else None,
        "retries": 0,
        "timelimit": [None, None],
        "eta": None,
        "expires": None,
        "group": None,
    }


def _text(value: Any) -> str:
    return value[:_SHOWN] if isinstance(value, str) else ""
