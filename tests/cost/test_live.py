"""While a costly message is carried out by real workers, whoever sends a good one behind it is answered soon."""

import itertools
import logging
import os
import time
from typing import Any

import pytest
from redis import Redis

from contracts.client import PluginClient
from contracts.partition import QUERIES
from tests.cost.conftest import NUMBERS
from tests.cost.corpus import NAMES, sent
from tests.cost.writes import LARGE, LONG_NUMBERS, NUMBERED
from tests.support.live import Live

MOST_S = 2.0
SLOWER = float(os.environ.get("COST_SLOWER", "5"))
"""How much longer it may take on a machine that does other things, too."""

logger = logging.getLogger(__name__)
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def good(live: Live) -> dict[str, Any]:
    """A plugin that is there, and large ones for the corpus."""
    plugin: dict[str, Any] = {"domain_id": "good", "name": "n", "service_type": "s"}
    large = plugin | {"domain_id": "cost", "labels": ["lll"] * 40_000}
    with live.client() as client:
        client.ask("register", **plugin, image="acme/good")
        for name in (LARGE, *(f"{LARGE}{n}" for n in range(10))):
            client.ask("register", **large, image=f"acme/{name}")
        for index in range(NUMBERS):
            client.ask(
                "register",
                **plugin | {"domain_id": NUMBERED},
                image=f"acme/numbers{index}",
                tags={"l": LONG_NUMBERS},
            )
    return {"domain_id": "good", "plugin_id": "good"}


def pushed(live: Live, name: str) -> str:
    """Put the message on its queue; return which one of the reads and writes is behind it."""
    queue, raw = sent(name, next(_numbers), ignore_result=True)
    with Redis.from_url(live.redis_url) as client:
        client.lpush(queue, raw)
    return "get" if queue == QUERIES else "enable"


@pytest.mark.parametrize("name", NAMES)
def test_the_good_command_behind_it_is_answered(live: Live, good: dict[str, Any], name: str) -> None:
    operation = pushed(live, name)
    begun = time.monotonic()
    with PluginClient(live.redis_url) as client:
        answer = client.ask(operation, timeout_s=MOST_S * SLOWER, **good)
    logger.info("%s: answered after %.2f s", name, time.monotonic() - begun)
    assert answer["plugin_id"] == "good"
