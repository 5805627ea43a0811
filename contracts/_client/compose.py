"""Messages exactly as Celery's ``send_task`` puts them on a queue, without sending them."""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping
from typing import Any

from kombu.connection import Connection
from kombu.messaging import Producer
from kombu.transport import virtual
from kombu.utils.json import dumps

from contracts._client.app import message_app
from contracts._client.command import Command
from contracts.headers import ANSWER_ID


class _Channel(virtual.Channel):
    """Keeps each message as kombu's Redis channel writes it to a list."""

    def _put(self, queue: str, message: Any, **_: Any) -> None:  # noqa: ARG002  # kombu's parameters
        self.connection.elements.append(dumps(message))


class _Transport(virtual.Transport):
    """Connects to nothing."""

    Channel = _Channel

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.elements: list[str] = []


class Composer:
    """Makes the messages of one call; not for several threads.

    ``headers``: of each message. ``expires_s``: until the deadline of each, from the time when it is made.
    ``ignore_result``: no answer is asked for; otherwise each is asked for under the command's own answer id.
    """

    def __init__(self, headers: Mapping[str, str], expires_s: float | None, ignore_result: bool) -> None:
        self._app = message_app()
        self._producer = Producer(Connection(transport=_Transport))
        self._headers = dict(headers)
        self._options = {"expires": expires_s, "ignore_result": ignore_result}

    def compose(self, command: Command, queue: str) -> str:
        """Return the element of the list ``queue`` that sends ``command``."""
        headers = self._headers
        if not self._options["ignore_result"]:
            headers = {**headers, ANSWER_ID: command.answer_id}
        self._app.send_task(
            command.task,
            task_id=command.id,
            kwargs=command.params,
            headers=headers or None,
            queue=queue,
            producer=self._producer,
            # Nothing is declared, tried again, or kept in a task that sends: there is no broker here.
            declare=(),
            retry=False,
            add_to_parent=False,
            **self._options,
        )
        element: str = self._producer.channel.connection.elements.pop()
        return element
