"""kombu's Redis transport made lossless, and a Celery consumer that cannot be poisoned and takes groups.

``install`` sets it up; a task finds its :class:`Delivery` as ``self.request.delivery``, and a consumer gets a
:class:`Group` of them; ``drain_parked_messages`` takes the parked messages out of Redis.
"""

from worker.transport.delivery import Delivery
from worker.transport.group import Group, LeaseLost
from worker.transport.install import install
from worker.transport.options import Options
from worker.transport.parked import ParkedMessage, drain_parked_messages

__all__ = ["Delivery", "Group", "LeaseLost", "Options", "ParkedMessage", "drain_parked_messages", "install"]
