"""kombu's Redis transport made lossless, and a Celery consumer that cannot be poisoned.

``install`` sets it up; a task finds its :class:`Delivery` as ``self.request.delivery``; ``drain`` empties the
list of parked messages.
"""

from worker.transport.dead import Parked, drain
from worker.transport.delivery import Delivery, LeaseLost
from worker.transport.install import install

__all__ = ["Delivery", "LeaseLost", "Parked", "drain", "install"]
