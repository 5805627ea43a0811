"""The shipped app, in which a plugin named `deadly` kills the worker that is about to register it.

With TEST_TRANSPORT=stock it is that of `tests.support.stock`, for a comparison.
"""

import os
import signal

from worker.domain.attempt import Attempt

from contracts.commands import Write
from contracts.plugin import PluginInfo
from tests.support.seams import replace
from tests.support.stock import create_stock_app
from worker.app import create_app
from worker.plugins.write import Writer

_apply = Writer.apply


def apply(self: Writer, command: Write, attempt: Attempt) -> PluginInfo:
    """Apply a command, or end as a crash does."""
    if getattr(command, "name", "") == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return _apply(self, command, attempt)


replace(Writer, "apply", apply)
app = create_stock_app() if os.environ.get("TEST_TRANSPORT") == "stock" else create_app()
