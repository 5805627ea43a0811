"""Run a program that ends when its parent does: `python tether.py PARENT_PID PROGRAM [ARG ...]`.

Takes effect on Linux (prctl(2), PR_SET_PDEATHSIG, kept across execve); elsewhere the program just runs.
Run as a script by `ChildProcess`: a preexec_fn would not be safe in a process with threads.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have ended before the call above: nobody would end this process any more.
        if os.getppid() != int(parent):
            sys.exit(1)
    # A job in the background of a script ignores Ctrl-C, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(program, [program, *arguments])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
