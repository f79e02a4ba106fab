"""Becomes nats-server, after asking the kernel to end it with its parent.

A program of its own, since code between fork and exec of a process with threads can deadlock. It is
run by path with ``python -I -S``, so that it starts in some milliseconds, and imports nothing of ours.
``launch.py PARENT PROGRAM [ARGUMENT...]``. To the kernel the parent is the thread that started it:
here the thread of the event loop.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask, check that the parent did not die before we asked, and become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606  no shell is the point


if __name__ == "__main__":
    main()
