"""Run a program that ends when its parent does: ``python tether.py PARENT_PID PROGRAM [ARG ...]``.

It works on Linux (prctl(2), PR_SET_PDEATHSIG, kept across execve); elsewhere the program just runs.
``ChildProcess`` runs it as a script: a preexec_fn is not safe in a process with threads.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def run_tethered() -> None:
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # If the parent ended before the call above, nothing would end this process any more.
        if os.getppid() != int(parent):
            sys.exit(1)
    # A background job of a script ignores Ctrl-C, and so would everything that it starts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(program, [program, *arguments])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    run_tethered()
