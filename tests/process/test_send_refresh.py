"""The sending of refresh tasks, while the queues' Redis is away."""

import pytest

from contracts.errors import Unavailable
from tests.support.servers import free_port
from worker.app import create_app
from worker.settings import Settings


def test_it_is_an_outage_and_no_bug() -> None:
    settings = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    with create_app(settings) as app, pytest.raises(Unavailable):
        app.send_refresh(host="h", images=["i"], lease="l")
