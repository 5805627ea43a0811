"""Sets up a Celery app to use the transport."""

from collections.abc import Mapping
from typing import Any

from celery import signals

from worker.transport.options import Options
from worker.transport.state import request_stop

TRANSPORT = "worker.transport.kombu:Transport"
CONSUMER = "worker.transport.consumer:Consumer"


def install(
    app: Any, url: str, options: Options, timeouts: Mapping[str, float], consumer: str = CONSUMER
) -> None:
    """Set everything that the lossless transport needs on ``app``, for the broker at ``url``.

    ``options``: the queues.
    ``timeouts``: redis-py's ``socket_timeout``, ``socket_connect_timeout`` and ``health_check_interval``, in
    seconds.
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
        broker_transport_options={**timeouts, "queue_options": options},
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        worker_consumer=consumer,
        # Running tasks keep their messages over a reconnect: nothing is redelivered meanwhile.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        worker_enable_remote_control=False,
        task_acks_late=True,
    )
    signals.worker_shutting_down.connect(_stop, dispatch_uid="worker.transport.stop")


def _stop(**_: Any) -> None:
    request_stop()
