"""The shipped app, with points to end or stop it at, and without the protections that TEST_WITHOUT names.

`celery -A tests.system.points_app worker ...`. What only waits is made quick.
"""

from __future__ import annotations

import os
from functools import partial

import worker.services
from tests.system import points, protections
from worker.app import create_app
from worker.events.sweep import Sweep
from worker.events.sweeper import Sweeper, Turn
from worker.process import chores

chores.Turn = partial(Turn, hold_s=1.0)  # type: ignore[assignment,misc]
chores.Sweeper = partial(Sweeper, interval_s=0.2)  # type: ignore[assignment,misc]
worker.services.Sweep = partial(Sweep, grace_s=0.3)  # type: ignore[assignment,misc]
for name in filter(None, os.environ.get("TEST_WITHOUT", "").split(",")):
    protections.take_out(name)
points.install()
app = create_app()
