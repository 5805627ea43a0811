"""A running service for the tests of this folder that do no harm to its processes."""

from tests.support.live import domain, live, own_redis

__all__ = ["domain", "live", "own_redis"]
