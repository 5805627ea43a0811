"""A stand-in for the service: a thread that reads the queues of a Redis, and stores answers as Celery does."""

import base64
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import celery
from celery import states
from redis import Redis

COMMANDS: Final = "plugin.commands"
QUERIES: Final = "plugin.queries"

UNANSWERED: Final = object()
"""What a handler returns for a command that gets no answer."""


@dataclass(frozen=True)
class Sent:
    """A message on a queue."""

    id: str
    task: str
    params: dict[str, Any]
    headers: dict[str, Any]
    message: dict[str, Any]

    @classmethod
    def read(cls, element: bytes | str) -> Self:
        message = json.loads(element)
        headers = message["headers"]
        _, params, _ = json.loads(base64.b64decode(message["body"]))
        return cls(headers["id"], headers["task"], params, headers, message)

    @property
    def answer_id(self) -> str:
        """What its answer is stored under."""
        return str(self.headers.get("answer_id", self.id))

    @property
    def key(self) -> str:
        """Where its answer is stored."""
        return f"celery-task-meta-{self.answer_id}"


def waiting(redis: Redis, queue: str = COMMANDS) -> list[Sent]:
    """The messages on a queue, in the order in which a worker takes them."""
    return [Sent.read(element) for element in reversed(redis.lrange(queue, 0, -1))]


class Service:
    """Answers each command with what `handle` returns: a result, an error, or `UNANSWERED`.

    `publishes`: whether answers are published too, as Celery does. `seen`: what it took, in order.
    """

    def __init__(
        self,
        url: str,
        handle: Callable[[Sent], Any],
        queues: Iterable[str] = (COMMANDS, QUERIES),
        publishes: bool = True,
    ) -> None:
        self.seen: list[Sent] = []
        self._handle = handle
        self._queues = list(queues)
        self._publishes = publishes
        self._redis = Redis.from_url(url)
        self._app = celery.Celery(backend=url, set_as_current=False)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(60)
        self._redis.close()
        self._app.backend.client.close()
        self._app.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if taken := self._redis.brpop(self._queues, timeout=0.05):
                sent = Sent.read(taken[1])
                self.seen.append(sent)
                self.answer(sent.answer_id, self._handle(sent))

    def answer(self, answer_id: str, answer: Any) -> None:
        """Store an answer."""
        if answer is UNANSWERED:
            return
        state = states.FAILURE if isinstance(answer, Exception) else states.SUCCESS
        if self._publishes:
            self._app.backend.store_result(answer_id, answer, state)
        else:
            self._redis.set(f"celery-task-meta-{answer_id}", stored(answer_id, answer))


def stored(command_id: str, answer: Any, status: str | None = None) -> str:
    """An answer as Celery stores it."""
    result = answer
    if isinstance(answer, Exception):
        kind = type(answer)
        result = {
            "exc_type": kind.__qualname__,
            "exc_module": kind.__module__,
            "exc_message": list(answer.args),
        }
    default = states.FAILURE if isinstance(answer, Exception) else states.SUCCESS
    told = {"status": status or default, "result": result, "task_id": command_id}
    return json.dumps(told | {"traceback": None, "children": [], "date_done": None})


def plugin_of(sent: Sent) -> dict[str, Any]:
    """Answer a command with its plugin's id."""
    return {"plugin_id": sent.params["plugin_id"]}


def rows_of(sent: Sent) -> list[dict[str, Any]]:
    """Answer a batch with a row for each item."""
    return [
        {"id": item["id"], "result": {"plugin_id": item["params"]["plugin_id"]}}
        for item in sent.params["commands"]
    ]


def enable(plugin_id: str, **other: Any) -> dict[str, Any]:
    """A command for a client: a write."""
    return {"operation": "enable", "params": {"domain_id": "d", "plugin_id": plugin_id}, **other}


def get(plugin_id: str, **other: Any) -> dict[str, Any]:
    """A command for a client: a read."""
    return enable(plugin_id, **other) | {"operation": "get"}


def unlimited() -> Iterator[dict[str, Any]]:
    """Commands without an end, which are no sequence."""
    number = 0
    while True:
        yield enable(f"p{number}", id=f"id-{number}")
        number += 1
