"""Services on real servers, without a worker around them."""

from tests.plugins.conftest import services

__all__ = ["services"]
