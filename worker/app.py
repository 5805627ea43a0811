"""The Celery app: queues, routes, schedule, and the tasks of the catalog."""

import os
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from contracts._redis.connect import CONNECTION_OPTIONS
from contracts._redis.url import tls_of
from contracts.catalog import OPERATIONS
from contracts.partition import COMMANDS, QUERIES, VERSIONS, command_queues
from contracts.values import MAX_BATCH_BYTES, MAX_COMMAND_BYTES
from worker.process.checks import Checks
from worker.services import Services
from worker.settings import Settings, load_settings
from worker.tasks.broker import BROKER_AWAY, BrokerUnavailable
from worker.tasks.commands import register_commands
from worker.tasks.queries import register_queries
from worker.tasks.versions import REFRESH, TICK, TICK_LASTS_S, TICK_S, register_versions
from worker.transport import Options, install
from worker.transport.protocol import MessageLimits
from worker.transport.state import stop_requested

CONSUMER = "worker.process.consumer:ServiceConsumer"
SCHEDULER = "worker.process.beat:Scheduler"
CONTROL = "worker.process.caller:Control"


def create_app(settings: Settings | None = None) -> "PluginRepository":
    """Return the app of this deployment. Nothing is dialled; a wrong setting raises ``SettingsError``."""
    return PluginRepository(settings or load_settings())


class PluginRepository(Celery):  # type: ignore[misc]  # celery is untyped
    """The app of one deployment.

    ``settings`` and ``services`` are its own attributes: tasks, consumer and scheduler find them as
    ``self.app.services``.
    """

    control_cls = CONTROL

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            "plugin-repository",
            broker=settings.broker,
            backend=settings.results,
            set_as_current=False,
        )
        self.settings = settings
        self._services: dict[int, Services] = {}
        self.conf.update(_configuration(settings))
        install(
            self,
            settings.broker,
            Options(
                # Whatever the number of partitions: no command may come by kombu's own transport.
                exclusive=(COMMANDS, f"{COMMANDS}.*"),
                shared=(QUERIES, VERSIONS),
                lease_s=settings.lease_s,
                group_max=settings.group_max,
                limits=MessageLimits(MAX_COMMAND_BYTES, {"plugin.batch": MAX_BATCH_BYTES}),
            ),
            timeouts=CONNECTION_OPTIONS,
            consumer=CONSUMER,
        )
        self.steps["worker"].add(Checks)
        register_commands(self)
        register_queries(self)
        register_versions(self)
        self.finalize()
        # Celery's own tasks (celery.map, celery.chord_unlock ...) would let a message run others.
        for name in [name for name in self.tasks if name.startswith("celery.")]:
            self.tasks.pop(name)

    @property
    def services(self) -> Services:
        """The services of the process that asks: a fork must not share sockets, and gets its own."""
        made = self._services.get(os.getpid())
        # Nothing is opened yet: of two threads that come first at once, the services of one are kept.
        return made or self._services.setdefault(
            os.getpid(),
            Services(self.settings, send_refresh=self.send_refresh, stopping=stop_requested.is_set),
        )

    def send_refresh(self, *, host: str, images: list[str], lease: str) -> None:
        """Send a task that refreshes claimed images. Raises ``BrokerUnavailable``."""
        kwargs = {"host": host, "images": images, "lease": lease}
        try:
            self.send_task(REFRESH, kwargs=kwargs, queue=VERSIONS, ignore_result=True)
        except (OperationalError, ChannelError, RedisError) as error:
            raise BrokerUnavailable(BROKER_AWAY) from error


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
                "options": {
                    "queue": VERSIONS,
                    "expires": TICK_LASTS_S,
                    "ignore_result": True,
                    # The next tick is the next try; beat does nothing else while it tries.
                    "retry": False,
                },
            }
        },
        "beat_scheduler": SCHEDULER,
        "beat_enable_remote_control": False,
        "beat_max_loop_interval": 5,
        # A commands worker applies one command at a time, in order; the others get --concurrency.
        "worker_pool": "threads",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "task_acks_late": True,
        "redis_socket_timeout": CONNECTION_OPTIONS["socket_timeout"],
        "redis_socket_connect_timeout": CONNECTION_OPTIONS["socket_connect_timeout"],
        "redis_backend_health_check_interval": CONNECTION_OPTIONS["health_check_interval"],
        "broker_use_ssl": tls_of(settings.broker) or False,
        "redis_backend_use_ssl": tls_of(settings.results) or False,
        "broker_connection_retry_on_startup": True,
    }
