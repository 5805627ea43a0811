"""TCP ports for the servers of tests, each for one test process alone."""

import fcntl
import os
import random
import tempfile
from pathlib import Path

from worker.devtools.embedded.ports import port_is_free

# Below what Linux gives to outgoing connections.
FIRST, LAST = 10_000, 29_999

# One lock file for all test processes of the machine: byte N is locked by whoever has port N. The lock ends
# with the process.
_locks = (Path(tempfile.gettempdir()) / f"plugins-test-ports-{os.getuid()}").open("wb")
_taken: set[int] = set()
_random = random.SystemRandom()


def free_port() -> int:
    """Return a port of 127.0.0.1 that no server has now, and that no other test process gets while this one runs.

    A port that the operating system gives may be given to another one while its server is down.
    """
    while True:
        port = _random.randint(FIRST, LAST)
        if port not in _taken and _reserve(port) and port_is_free(port):
            _taken.add(port)
            return port


def _reserve(port: int) -> bool:
    try:
        fcntl.lockf(_locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True
