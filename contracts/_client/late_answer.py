"""A late answer: ``DEADLINE_EXCEEDED`` for an earlier sending of a command that has been sent again."""

from typing import Any, Final

from contracts.errors import DeadlineExceeded

_DROP: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


def drop_late_answer(result: Any) -> None:
    """Forget a stored ``DEADLINE_EXCEEDED``. Any other answer stays: it is that of a later sending.

    ``result``: a result of Celery's Redis backend.

    Raises: redis-py's errors.
    """
    backend = result.backend
    backend.remove_pending_result(result)
    key = backend.get_key_for_task(result.id)
    kept = backend.client.get(key)
    if kept is not None and isinstance(backend.decode_result(kept)["result"], DeadlineExceeded):
        backend.client.eval(_DROP, 1, key, kept)
