"""The Celery app: queues, routes, schedule, and the tasks of the catalog."""

import logging
import os
from functools import cache
from typing import Any

from celery import Celery
from kombu.entity import Queue

from contracts.catalog import OPERATIONS
from contracts.partition import QUERIES, VERSIONS, command_queues
from contracts.plugin import PluginInfo
from worker import plainjson
from worker import settings as settings_module
from worker.services import Services
from worker.settings import Settings
from worker.tasks.commands import register_commands

_log = logging.getLogger(__name__)

RESULT_EXPIRES_S = 3600


def create_app(settings: Settings | None = None) -> Celery:
    """The app of this deployment. Nothing is dialled; a wrong setting raises ``SettingsError``."""
    given = settings or settings_module.load()
    plainjson.register()
    app = Celery(
        "plugin-repository", broker=given.broker, backend=given.results, set_as_current=settings is None
    )
    app.conf.update(_configuration(given))
    services = _services(app, given)
    register_commands(app, services)
    return app


def _configuration(settings: Settings) -> dict[str, Any]:
    queues = [*command_queues(settings.command_partitions), QUERIES, VERSIONS]
    return {
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "enable_utc": True,
        "task_queues": [Queue(name) for name in queues],
        "task_default_queue": command_queues(1)[0],
        "task_routes": {operation.task: {"queue": operation.queue} for operation in OPERATIONS},
        # A commands worker applies one command at a time, in order; queries and versions are told
        # --concurrency.
        "worker_pool": "threads",
        "worker_concurrency": 1,
        "worker_prefetch_multiplier": 1,
        "worker_enable_remote_control": True,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_store_eager_result": False,
        "task_ignore_result": False,
        "result_expires": RESULT_EXPIRES_S,
        "result_backend_transport_options": {
            "retry_policy": {
                "max_retries": 60,
                "interval_start": 0.2,
                "interval_step": 0.2,
                "interval_max": 1.0,
            }
        },
        "redis_socket_timeout": 10,
        "redis_socket_connect_timeout": 3,
        "redis_backend_health_check_interval": 5,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_channel_error_retry": True,
        "broker_transport_options": {
            "socket_timeout": 10,
            "socket_connect_timeout": 3,
            "health_check_interval": 5,
            "visibility_timeout": 5,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
        },
        "worker_cancel_long_running_tasks_on_connection_loss": False,
    }


def _services(app: Celery, settings: Settings) -> Any:
    """The services of the process that calls; made anew in a fork, which must not share sockets."""

    @cache
    def of(pid: int) -> Services:
        return Services(settings, registered=lambda plugins: _fetch_versions(app, plugins))

    return lambda: of(os.getpid())


def _fetch_versions(app: Celery, plugins: list[PluginInfo]) -> None:
    """Have the versions of new plugins fetched soon. What is lost here is found by the schedule."""
