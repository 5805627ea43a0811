"""The Celery app: queues, routes, schedule, and the tasks of the catalog."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from celery import Celery, signals
from kombu.entity import Exchange, Queue
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from contracts._redis.connect import CONNECTION_OPTIONS
from contracts._redis.url import tls_of
from contracts.catalog import OPERATIONS
from contracts.errors import InvalidParameter
from contracts.partition import COMMANDS, QUERIES, VERSIONS, command_queues
from contracts.plugin import PluginInfo
from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES
from worker import settings as settings_module
from worker.process import liveness, startup
from worker.process.broker import BrokerUnavailable
from worker.services import Services
from worker.settings import Settings
from worker.tasks import results
from worker.tasks.bridge import LosslessBridge
from worker.tasks.commands import register_commands
from worker.tasks.queries import register_queries
from worker.tasks.versions import (
    FOLLOW,
    REFRESH,
    TICK,
    TICK_LASTS_S,
    TICK_S,
    follow_arguments,
    register_refresh,
)
from worker.transport import Delivery, install
from worker.transport.state import stop_requested
from worker.versions.follow import Follow

STOCK_REDELIVERY = {"visibility_timeout": 5, "unacked_restore_interval": 2, "unacked_restore_throttle": 1}
"""When kombu's own transport delivers again what a dead worker held, in seconds."""


def create_app(settings: Settings | None = None) -> Celery:
    """The app of this deployment. Nothing is dialled; a wrong setting raises ``SettingsError``."""
    given = settings or settings_module.load()
    app = Celery("plugin-repository", broker=given.broker, backend=given.results, set_as_current=False)
    app.loader.override_backends = dict.fromkeys(("redis", "rediss"), "worker.tasks.results:Results")
    app.conf.update(_configuration(given))
    if given.stock_transport:
        app.conf.broker_transport_options = CONNECTION_OPTIONS | STOCK_REDELIVERY
    else:
        install(
            app,
            given.broker,
            # Whatever the number of partitions: no command may come by kombu's own transport.
            exclusive=(COMMANDS, f"{COMMANDS}.*"),
            shared=(QUERIES, VERSIONS),
            timeouts=CONNECTION_OPTIONS,
            lease_s=given.lease_s,
            max_bytes=MAX_COMMAND_BYTES,
            max_bytes_by_task={"plugin.batch": MAX_BATCH_BYTES},
            answer_unknown_task=lambda delivery: _answer_unknown(app, delivery),
        )
    services = _services(app, given)
    services().check()
    bridge = LosslessBridge()
    register_commands(app, services, bridge)
    register_queries(app, services, bridge)
    register_refresh(app, lambda: services().sync, bridge)
    startup.connect(app, given, services)
    liveness.connect(app, given.heartbeat_dir)
    app.finalize()
    # Celery's own tasks (celery.map, celery.chord_unlock ...) would let a message run others.
    for name in [name for name in app.tasks if name.startswith("celery.")]:
        app.tasks.pop(name)
    return app


def _configuration(settings: Settings) -> dict[str, Any]:
    names = [*command_queues(settings.command_partitions), QUERIES, VERSIONS]
    queues = [Queue(name, exchange=Exchange(name, type="direct"), routing_key=name) for name in names]
    return {
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "enable_utc": True,
        "task_queues": queues,
        "task_default_queue": COMMANDS,
        "task_routes": {operation.task: {"queue": operation.queue} for operation in OPERATIONS},
        "beat_schedule": {
            "versions": {
                "task": TICK,
                "schedule": TICK_S,
                "options": {"queue": VERSIONS, "expires": TICK_LASTS_S, "ignore_result": True},
            }
        },
        # A commands worker applies one command at a time, in order; the others are told --concurrency.
        "worker_pool": "threads",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "task_acks_late": True,
        "redis_socket_timeout": CONNECTION_OPTIONS["socket_timeout"],
        "redis_socket_connect_timeout": CONNECTION_OPTIONS["socket_connect_timeout"],
        "redis_backend_health_check_interval": CONNECTION_OPTIONS["health_check_interval"],
        **results.CONFIGURATION,
        "broker_use_ssl": tls_of(settings.broker) or False,
        "redis_backend_use_ssl": tls_of(settings.results) or False,
        "broker_connection_retry_on_startup": True,
    }


def _services(app: Celery, settings: Settings) -> Callable[[], Services]:
    """The services of the process that calls; made anew in a fork, which must not share sockets."""

    def send_refresh(*, host: str, images: list[str], lease: str) -> None:
        kwargs = {"host": host, "images": images, "lease": lease}
        try:
            app.send_task(REFRESH, kwargs=kwargs, queue=VERSIONS, ignore_result=True)
        except (OperationalError, ChannelError, RedisError) as fault:
            raise BrokerUnavailable("the Redis of the commands takes no task") from fault

    def send_follow(plugins: Sequence[PluginInfo]) -> None:
        kwargs = follow_arguments(plugin.model_dump(mode="json") for plugin in plugins)
        app.send_task(FOLLOW, kwargs=kwargs, queue=VERSIONS, ignore_result=True, retry=False)

    @cache
    def of(pid: int) -> Services:
        follow = Follow(send_follow)
        signals.worker_shutdown.connect(lambda **_: follow.stop(), weak=False)
        return Services(settings, follow, send_refresh, stop_requested.is_set)

    return lambda: of(os.getpid())


def _answer_unknown(app: Celery, delivery: Delivery) -> None:
    """Answer a message that names no known task; it is parked as well."""
    fault = InvalidParameter("there is no such task", details={"path": "task"})
    if delivery.envelope and not delivery.envelope.headers.get("ignore_result"):
        app.backend.refuse(delivery.envelope.id, fault)
