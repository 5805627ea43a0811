"""The shipped app, with points to end or stop it at, and without the protections that TEST_WITHOUT names.

`celery -A tests.system.points_app worker ...`. What only waits is made quick.
"""

import os
from functools import partial

import worker.services
from tests.support.seams import replace, take_out
from tests.system import points
from tests.system.protections import PROTECTIONS
from worker.app import create_app
from worker.events.sweep import Sweep
from worker.events.sweeper import Sweeper, Turn
from worker.process import chores

replace(chores, "Turn", partial(Turn, hold_s=1.0))
replace(chores, "Sweeper", partial(Sweeper, interval_s=0.2))
replace(worker.services, "Sweep", partial(Sweep, grace_s=0.3))
take_out(PROTECTIONS, os.environ.get("TEST_WITHOUT", ""))
points.install()
app = create_app()
