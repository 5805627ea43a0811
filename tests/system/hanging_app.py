"""The app, with a signal that makes its main thread hang while its other threads go on."""

import signal
import time

from worker.celery import app

__all__ = ["app"]

signal.signal(signal.SIGIO, lambda *_: time.sleep(600))
