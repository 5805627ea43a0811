"""`plugins demo`: the whole service in a temporary folder, and the API text's examples through it."""

from worker.devtools.demo.command import demo

__all__ = ["demo"]
