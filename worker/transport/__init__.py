"""kombu's Redis transport made lossless, and a Celery consumer that cannot be poisoned.

``install`` sets it up; a task finds its :class:`Delivery` as ``self.request.delivery``; ``drain`` empties the
list of parked messages.
"""

from worker.transport.delivery import Delivery, LeaseLost
from worker.transport.envelope import Refusal
from worker.transport.install import REQUEST, install
from worker.transport.poison import Parked, drain

__all__ = ["REQUEST", "Delivery", "LeaseLost", "Parked", "Refusal", "drain", "install"]
