"""The Celery apps of a caller: one says where commands go and answers come from, one makes messages."""

from functools import cache

import celery

from contracts._redis.url import SILENT_S, TIMEOUTS, check_redis_url, tls_of

_PATIENCE = {
    "max_retries": 10,
    "interval_start": 0.1,
    "interval_step": 0.1,
    "interval_max": 0.5,
    # One that is silent is asked once more, in case it was only the connection; and not ten times.
    "timeout": SILENT_S + 1,
}
"""How often a result backend that does not answer is asked again: for about 4 s. Celery's own default is 20
s.
"""

_DIAL = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 1}
"""How often a broker that cannot be connected is dialled again: as Celery does when it sends one task."""

_TRANSPORT = "contracts._client.transport:Transport"
_BACKEND = "contracts._client.backend:AnswerBackend"

_MESSAGES = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "task_create_missing_queues": True,
}


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
    app.loader.override_backends = dict.fromkeys(("redis", "rediss"), _BACKEND)
    app.conf.update(
        _MESSAGES,
        # One result connection for all threads, which ``close`` can close.
        result_backend_thread_safe=True,
        broker_connection_retry_on_startup=True,
        broker_transport=_TRANSPORT,
        broker_use_ssl=tls_of(redis_url) or False,
        # kombu shares connections between apps that differ in nothing but TLS, unless an option differs too.
        broker_transport_options={**TIMEOUTS, **_DIAL, "tls": tls_of(redis_url)},
        redis_backend_use_ssl=tls_of(results_url) or False,
        redis_socket_timeout=TIMEOUTS["socket_timeout"],
        redis_socket_connect_timeout=TIMEOUTS["socket_connect_timeout"],
        result_backend_transport_options={"retry_policy": _PATIENCE},
    )
    return app


@cache
def message_app() -> celery.Celery:
    """Return a Celery app that makes the messages of every client, and connects to nothing.

    The app of a client would subscribe to the answer to each message.
    """
    app = celery.Celery("plugin-client", broker="memory://", set_as_current=False)
    app.conf.update(_MESSAGES)
    return app
