"""The command line `plugins`."""

from worker.cli.main import main

__all__ = ["main"]
