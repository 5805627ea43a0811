from tests.support.live import client, domain

__all__ = ["client", "domain"]
