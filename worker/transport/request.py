"""Celery's request, with the delivery in reach of the task."""

from typing import Any

from celery.worker.request import Request as CeleryRequest


class Request(CeleryRequest):  # type: ignore[misc]  # celery is untyped
    """Gives the task ``self.request.delivery`` (a ``worker.transport.Delivery``).

    The message is read already, so the pool does not read it again. Only for pools of threads.
    """

    def __init__(self, message: Any, **options: Any) -> None:
        super().__init__(message, **options)
        delivery = getattr(message, "delivery", None)
        if delivery is not None:
            self._request_dict["delivery"] = delivery
            self._body = message.payload
            self._content_type = self._content_encoding = None
