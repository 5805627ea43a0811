"""Whichever transport a worker is told to use, it waits for its Redis no longer than the others do."""

import pytest

from contracts._redis.connect import CONNECTION_OPTIONS
from worker.app import STOCK_REDELIVERY, create_app
from worker.settings import Settings


@pytest.mark.parametrize("stock", [False, True], ids=["lossless", "stock"])
def test_broker_and_results_are_waited_for_alike(stock: bool) -> None:
    app = create_app(Settings(stock_transport=stock))
    try:
        broker = app.conf.broker_transport_options
        assert broker.items() >= CONNECTION_OPTIONS.items()
        assert app.conf.redis_socket_timeout == CONNECTION_OPTIONS["socket_timeout"]
        assert app.conf.redis_socket_connect_timeout == CONNECTION_OPTIONS["socket_connect_timeout"]
        assert (broker.keys() >= STOCK_REDELIVERY.keys()) is stock
    finally:
        app.close()
