"""The answer to a command: waits for it, and forgets it once it is read."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from celery.exceptions import TimeoutError as CeleryTimeout
from kombu.exceptions import OperationalError

from contracts._client.unanswered import AskTimeout, RedisRefused, RedisUnavailable
from contracts._redis.outage import is_redis_outage, redis_outage
from contracts._redis.patience import OutOfTime


@contextmanager
def redis_errors(*keys: str) -> Iterator[None]:
    """Raise ``RedisUnavailable`` in place of an error of an outage; let any other error pass.

    ``keys``: what is used inside.
    """
    try:
        yield
    except OperationalError as error:
        raise _unavailable(error.__cause__, error, keys) from error
    except OutOfTime as error:
        raise RedisUnavailable(f"Redis does not answer: {error}") from error
    except redis.RedisError as error:
        if is_redis_outage(error):
            raise _unavailable(error, error, keys) from error
        raise
    except RuntimeError as error:
        # How Celery's result consumer says that it could not connect again.
        if isinstance(error.__cause__, redis.RedisError):
            raise _unavailable(error.__cause__, error.__cause__, keys) from error
        raise


def _unavailable(error: BaseException | None, told: BaseException, keys: Sequence[str]) -> RedisUnavailable:
    outage = redis_outage(error, "", keys)
    if outage.is_refusal:
        return RedisRefused(outage.text)
    return RedisUnavailable(f"Redis does not answer: {told}" if outage.state == "away" else outage.text)


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
    with redis_errors(f"celery-task-meta-{result.id}"):
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
