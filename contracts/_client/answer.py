"""The answer to a command: waits for it, and forgets it once it is read."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from celery.exceptions import TimeoutError as CeleryTimeout
from kombu.exceptions import OperationalError

from contracts._client.unanswered import AskTimeout, RedisRefused, RedisUnavailable
from contracts._redis.outage import is_redis_outage, outage_sentence, refusal
from contracts._redis.patience import OutOfTime


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise ``RedisUnavailable`` in place of an error of an outage; let any other error pass."""
    try:
        yield
    except OperationalError as error:
        raise _unavailable(error.__cause__, error) from error
    except OutOfTime as error:
        raise RedisUnavailable(f"Redis does not answer: {error}") from error
    except redis.RedisError as error:
        if is_redis_outage(error):
            raise _unavailable(error, error) from error
        raise
    except RuntimeError as error:
        # How Celery's result consumer says that it could not connect again.
        if isinstance(error.__cause__, redis.RedisError):
            raise _unavailable(error.__cause__, error.__cause__) from error
        raise


def _unavailable(error: BaseException | None, told: BaseException) -> RedisUnavailable:
    refused = refusal(error)
    if refused:
        return RedisRefused(refused)
    return RedisUnavailable(outage_sentence(error, f"Redis does not answer: {told}"))


@contextmanager
def awaiting(result: Any) -> Iterator[None]:
    """Listen for an answer from before its command is sent in the block: one that is published before that is
    missed. If the command could not be sent, nobody waits any more.

    ``result``: of Celery's Redis backend; None: no answer is wanted.
    """
    if result is None:
        yield
        return
    try:
        result.backend.result_consumer.consume_from(result.id)
        yield
    except Exception:
        result.backend.remove_pending_result(result)
        raise


def wait_for_answer(result: Any, command_id: str, timeout_s: float, begun: float) -> Any:
    """Return the answer of a command, and forget it in Redis.

    ``result``: a result of Celery's Redis backend. ``command_id``: what an ``AskTimeout`` names.
    ``timeout_s``: how long to wait since ``begun``, which is in monotonic seconds.

    Raises: an error of ``contracts.errors``, ``AskTimeout``, ``RedisUnavailable``.
    """
    left_s = max(0.001, begun + timeout_s - time.monotonic())
    with redis_errors():
        try:
            # Also inside a Celery task: the worker of another deployment answers, not this one.
            return result.get(timeout=left_s, disable_sync_subtasks=False)
        except CeleryTimeout:
            raise AskTimeout(command_id, timeout_s) from None
        except redis.exceptions.NoPermissionError:
            result.backend.result_consumer.leave(result.id)
            raise
        finally:
            result.forget()
