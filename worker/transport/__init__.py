"""kombu's Redis transport made lossless, and a Celery consumer that cannot be poisoned and takes groups.

``install`` sets it up; a task finds its :class:`Delivery` as ``self.request.delivery``, and a consumer gets a
:class:`Group` of them; ``drain_dead_messages`` takes the parked messages out of Redis.
"""

from worker.transport.dead import DeadMessage, drain_dead_messages
from worker.transport.delivery import Delivery
from worker.transport.group import Group, LeaseLost
from worker.transport.install import install
from worker.transport.options import Options

__all__ = ["DeadMessage", "Delivery", "Group", "LeaseLost", "Options", "drain_dead_messages", "install"]
