"""A process that is forked for one scene, and may not survive it."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Final

SURVIVED: Final = 0
FELL: Final = 70
"""The exit code of a scene that raised; what it raised is on standard error."""

PATIENCE: Final = 30.0  # seconds; a scene takes about one


def play(scene: Callable[[], None]) -> int:
    """Play a scene in a child; return the exit code, negative for a signal.

    Raises:
        AssertionError: it hangs.
    """
    child = os.fork()
    if not child:
        run(scene)
    return wait(child)


def wait(child: int, patience: float = PATIENCE) -> int:
    """Wait for a child's end; return its exit code.

    Raises:
        AssertionError: it hangs; it has been killed then.
    """
    handle = os.pidfd_open(child)
    try:
        hangs = not select.select([handle], [], [], patience)[0]
        if hangs:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(handle)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not hangs, f"a child hung for {patience:g} s"
    return code


def run(scene: Callable[[], None]) -> None:
    """Play a scene in this process, a child, and end it."""
    fallen = threading.Event()

    def fall(what: Any) -> None:
        fallen.set()
        traceback.print_exception(what.exc_value)

    threading.excepthook = fall
    sys.unraisablehook = fall
    code = FELL
    try:
        scene()
        code = FELL if fallen.is_set() else SURVIVED
    except BaseException:  # noqa: BLE001  said, and the process ends with it
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
