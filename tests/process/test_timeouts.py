"""A worker waits for its Redis no longer for answers than for commands."""

from contracts._redis.connect import CONNECTION_OPTIONS
from worker.app import create_app
from worker.settings import Settings


def test_broker_and_results_are_waited_for_alike() -> None:
    with create_app(Settings()) as app:
        assert app.conf.broker_transport_options.items() >= CONNECTION_OPTIONS.items()
        assert app.conf.redis_socket_timeout == CONNECTION_OPTIONS["socket_timeout"]
        assert app.conf.redis_socket_connect_timeout == CONNECTION_OPTIONS["socket_connect_timeout"]
