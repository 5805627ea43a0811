"""Every wait for a Redis has one bound, and all that a process waits for at its end fits into its grace."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts._client.app import client_app
from contracts._redis.connect import CONNECTION_OPTIONS, open_fail_fast_redis, open_redis
from contracts._redis.silence import Connection, SSLConnection
from contracts._redis.url import SILENT_S
from worker.app import create_app
from worker.process.periodic import STOP_S
from worker.settings import Settings
from worker.store.client import connect_mongodb

GRACE_S = 15.0
"""What `docker compose` and the units give at least."""


def test_broker_and_results_are_waited_for_alike() -> None:
    with create_app(Settings()) as app:
        assert app.conf.broker_transport_options.items() >= CONNECTION_OPTIONS.items()
        assert app.conf.redis_socket_timeout == CONNECTION_OPTIONS["socket_timeout"]
        assert app.conf.redis_socket_connect_timeout == CONNECTION_OPTIONS["socket_connect_timeout"]
        assert app.conf.redis_backend_health_check_interval == CONNECTION_OPTIONS["health_check_interval"]
        with app.connection_for_write() as connection:
            channel_class = connection.transport.Channel
    assert (channel_class.connection_class, CONNECTION_OPTIONS["socket_timeout"]) == (Connection, SILENT_S)


@pytest.mark.parametrize("opened", [open_redis, open_fail_fast_redis])
def test_every_client_notices_a_silent_host(opened: Callable[[str], Any]) -> None:
    pools = [opened(f"{scheme}://localhost:1/0").connection_pool for scheme in ("redis", "rediss")]
    assert [pool.connection_class for pool in pools] == [Connection, SSLConnection]


def test_a_caller_waits_as_long() -> None:
    with client_app("redis://localhost:1/0", "redis://localhost:1/1") as app:
        assert app.conf.broker_transport_options["socket_timeout"] == SILENT_S
        assert app.backend.connparams["socket_timeout"] == SILENT_S
        assert app.backend.connparams["connection_class"] is Connection
        with app.connection_for_write() as connection:
            assert connection.transport.Channel.connection_class is Connection


def test_a_command_that_mongodb_leaves_unanswered_twice_and_the_end_of_the_threads_fit_into_the_grace() -> (
    None
):
    database = connect_mongodb("mongodb://localhost:1/plugins")
    waits_s = database.client.options.pool_options.socket_timeout or float("inf")
    database.client.close()
    assert 2 * waits_s + STOP_S < GRACE_S
