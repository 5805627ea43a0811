from tests.support.live import client, domain, live, own_redis

__all__ = ["client", "domain", "live", "own_redis"]
