"""The message as Celery's consumer gets it: read already, and settled through its delivery."""

# mypy: disallow-untyped-calls=False

from typing import Any

from kombu.message import Message as KombuMessage

from worker.transport.delivery import Delivery
from worker.transport.protocol import Envelope

_NO_CANVAS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
_SHOWN = 1024


class Message(KombuMessage):
    """A message with the headers and parts that Celery's own code can be trusted with.

    Celery acts on ``eta``, ``expires``, ``timelimit``, callbacks and the like before the task runs, and fails
    for some of their values, so it does not get them. The task finds them in ``delivery.headers``.
    """

    def __init__(self, envelope: Envelope, delivery: Delivery, channel: Any) -> None:
        payload = (envelope.args, envelope.kwargs, dict(_NO_CANVAS))
        route = {"exchange": "", "routing_key": delivery.queue, "redelivered": delivery.redelivered}
        super().__init__(
            body=b"",
            channel=channel,
            delivery_tag=delivery.tag,
            content_type="application/json",
            content_encoding="utf-8",
            headers=_headers(envelope),
            properties={
                "correlation_id": envelope.id,
                "reply_to": envelope.reply_to,
                "delivery_tag": delivery.tag,
                "delivery_info": route,
                "priority": envelope.priority,
            },
            delivery_info=route,
        )
        self.delivery = delivery
        self._decoded_cache = payload

    @property
    def acknowledged(self) -> bool:
        return self.delivery.settled

    def ack(self, multiple: bool = False) -> None:
        """Forget the message. Harmless if it is settled already."""
        self.delivery.ack()

    def reject(self, requeue: bool = False) -> None:
        """Return the message to the head of its queue, or park it: no message is ever dropped."""
        if requeue:
            self.delivery.give_back()
        else:
            self.delivery.park_later("rejected")

    def requeue(self) -> None:
        """Return the message to the head of its queue."""
        self.delivery.give_back()


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
