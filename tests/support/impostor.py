"""A remote deployment that is not what it says."""

import json
import threading
from collections.abc import Callable
from typing import Any

import redis


class Impostor(threading.Thread):
    """Takes what is asked of a deployment, and answers with whatever a test wants."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.client = redis.Redis.from_url(url)
        self.answer: Callable[[dict[str, Any]], bytes] = lambda headers: b""
        self.headers: list[dict[str, Any]] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            popped = self.client.brpop("plugin.queries", timeout=0.2)
            if popped is None:
                continue
            headers = json.loads(popped[1])["headers"]
            self.headers.append(headers)
            payload, key = self.answer(headers), f"celery-task-meta-{headers['id']}"
            self.client.set(key, payload, ex=60)
            self.client.publish(key, payload)


def meta(**fields: Any) -> Callable[[dict[str, Any]], bytes]:
    return lambda headers: json.dumps(
        {"task_id": headers["id"], "status": "SUCCESS", "traceback": None, "children": []} | fields
    ).encode()


def raises(module: str, name: str, *message: Any) -> Callable[[dict[str, Any]], bytes]:
    fault = {"exc_type": name, "exc_module": module, "exc_message": list(message)}
    return meta(status="FAILURE", result=fault)
