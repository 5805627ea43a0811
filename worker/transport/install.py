"""Sets up a Celery app to use the transport."""

from collections.abc import Iterable, Mapping
from typing import Any

from celery import signals

from worker.transport.options import DEFAULT_LEASE_S, DEFAULT_MAX_DEATHS
from worker.transport.protocol import DEFAULT_MAX_BYTES, DEFAULT_MAX_DEPTH
from worker.transport.state import stop_requested

TRANSPORT = "worker.transport.channel:Transport"
CONSUMER = "worker.transport.consumer:Consumer"
REQUEST = "worker.transport.request:Request"


def install(
    app: Any,
    url: str,
    *,
    exclusive: Iterable[str],
    shared: Iterable[str],
    timeouts: Mapping[str, float],
    lease_s: float = DEFAULT_LEASE_S,
    max_deaths: int = DEFAULT_MAX_DEATHS,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_bytes_by_task: Mapping[str, int] | None = None,
    max_depth: int = DEFAULT_MAX_DEPTH,
    consumer: str = CONSUMER,
) -> None:
    """Set everything that the lossless transport needs on ``app``, for the broker at ``url``.

    ``exclusive``: queues with one consumer at a time; ``shared``: queues with many. Names, or patterns with
    ``*``.
    ``timeouts``: redis-py's ``socket_timeout``, ``socket_connect_timeout`` and ``health_check_interval``, in
    seconds.
    ``lease_s``: the time of a lease, in seconds.
    ``max_deaths``: park a message at this number of deaths.
    ``max_bytes``, ``max_bytes_by_task``, ``max_depth``: see ``MessageLimits``.
    ``consumer``: a class as "module:Class": ``worker.transport.consumer.Consumer`` or a subclass.

    The pool must be one of threads.

    Raises: ``ValueError`` for a ``rediss://`` URL if the app has no ``broker_use_ssl``.
    """
    if url.startswith("rediss:") and not app.conf.broker_use_ssl:
        # kombu takes TLS from the scheme only where no transport is named: it would speak plaintext.
        raise ValueError("a rediss:// URL needs broker_use_ssl")
    app.conf.update(
        broker_url=url,
        broker_transport=TRANSPORT,
        broker_transport_options={
            **timeouts,
            "exclusive_queues": tuple(exclusive),
            "shared_queues": tuple(shared),
            "lease_s": lease_s,
            "max_deaths": max_deaths,
            "max_bytes": max_bytes,
            "max_bytes_by_task": dict(max_bytes_by_task or {}),
            "max_depth": max_depth,
        },
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        worker_consumer=consumer,
        # Running tasks keep their messages over a reconnect: nothing is redelivered meanwhile.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        task_acks_late=True,
    )
    app.Task.Request = REQUEST
    signals.worker_shutting_down.connect(_stop, dispatch_uid="worker.transport.stop")


def _stop(**_: Any) -> None:
    stop_requested.set()
