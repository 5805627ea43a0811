"""A running service for the tests of this folder that do no harm to its processes."""

from tests.support.live import live, own_redis

__all__ = ["live", "own_redis"]
