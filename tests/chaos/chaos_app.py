"""The shipped app, in which a plugin named `deadly` kills the worker that is about to register it."""

from __future__ import annotations

import os
import signal
from typing import Any

from worker.app import create_app
from worker.plugins.write import Writer

_apply = Writer.apply


def apply(self: Writer, command: Any, delivery: Any) -> Any:
    if getattr(command, "name", "") == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return _apply(self, command, delivery)


Writer.apply = apply  # type: ignore[method-assign]
app = create_app()
