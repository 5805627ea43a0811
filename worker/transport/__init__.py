"""kombu's Redis transport made lossless, and a Celery consumer that cannot be poisoned.

``install`` sets it up; a task finds its :class:`Delivery` as ``self.request.delivery``;
``drain_dead_messages`` takes the parked messages out of Redis.
"""

from worker.transport.dead import DeadMessage, drain_dead_messages
from worker.transport.delivery import Delivery, LeaseLost
from worker.transport.install import install

__all__ = ["DeadMessage", "Delivery", "LeaseLost", "drain_dead_messages", "install"]
