"""The Celery app of a caller: where it sends commands, and where answers come from."""

import celery

from contracts._redis.url import TIMEOUTS, check_redis_url, tls_of

_PATIENCE = {"max_retries": 10, "interval_start": 0.1, "interval_step": 0.1, "interval_max": 0.5}
"""How often a result backend that does not answer is asked again: for about 4 s. Celery's own default is 20
s.
"""


def client_app(redis_url: str, results_url: str) -> celery.Celery:
    """Return a Celery app that only sends. It does not connect before the first command.

    ``redis_url``: the broker.
    ``results_url``: the result backend.

    Raises: ``ValueError`` for a wrong URL.
    """
    app = celery.Celery(
        "plugin-client",
        broker=check_redis_url(redis_url),
        backend=check_redis_url(results_url),
        set_as_current=False,
    )
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        # One result connection for all threads, which ``close`` can close.
        result_backend_thread_safe=True,
        broker_connection_retry_on_startup=True,
        broker_use_ssl=tls_of(redis_url) or False,
        broker_transport_options=dict(TIMEOUTS),
        redis_backend_use_ssl=tls_of(results_url) or False,
        redis_socket_timeout=TIMEOUTS["socket_timeout"],
        redis_socket_connect_timeout=TIMEOUTS["socket_connect_timeout"],
        result_backend_transport_options={"retry_policy": _PATIENCE},
    )
    return app
