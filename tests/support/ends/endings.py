"""How a program can end: what it does, what its run is said to be, and what signals it gets."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

from support.ends.ending import CRASHED, FAILED, Ending
from support.ends.endings_processes import HIDDEN, PROCESSES
from support.ends.endings_torch import TORCH
from support.ends.script import LAST, Script


def plain(script: Script) -> None:
    script.begin()
    script.ends()


def a_code(script: Script) -> None:
    plain(script)
    sys.exit(3)


def a_message(script: Script) -> None:
    plain(script)
    sys.exit("it did not converge")


def an_exception(script: Script) -> None:
    plain(script)
    msg = "on purpose"
    raise ValueError(msg)


def a_deep_recursion(script: Script) -> None:
    plain(script)

    def deeper() -> None:
        script.log(0, 1)
        deeper()

    deeper()


def os_exit(script: Script) -> None:
    plain(script)
    os._exit(5)


def abort(script: Script) -> None:
    plain(script)
    os.abort()


def goes_on(script: Script) -> None:
    script.begin()
    script.ends()
    script.log_for_ever(0)


def a_handler_that_exits(script: Script) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    goes_on(script)


def a_kill_from_a_thread(script: Script) -> None:
    script.begin()
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
    script.ends()
    script.log_for_ever(0)


def daemon_threads(script: Script) -> None:
    script.log(0, 1)  # opened here: two threads at once would open two runs
    for lane in (1, 2, 3):
        threading.Thread(target=script.log_for_ever, args=(lane,), daemon=True).start()
    script.begin()
    script.ends(1, 2, 3)


def threads_that_go_on(script: Script) -> None:
    threads = [threading.Thread(target=script.log_for_ever, args=(lane, 0.5)) for lane in (1, 2)]
    script.begin()
    for thread in threads:
        thread.start()
    script.ends()


def an_exception_in_a_thread(script: Script) -> None:
    def fail() -> None:
        script.log(1, LAST)
        msg = "in a thread"
        raise ValueError(msg)

    _in_a_thread(script, fail)


def an_exit_in_a_thread(script: Script) -> None:
    def leave() -> None:
        script.log(1, LAST)
        sys.exit(3)

    _in_a_thread(script, leave)


def _in_a_thread(script: Script, target: Callable[[], None]) -> None:
    script.begin()
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    script.log(0, LAST)
    script.ends()


def an_exception_at_exit(script: Script) -> None:
    def fail() -> None:
        script.log(0, LAST)
        msg = "at exit"
        raise ValueError(msg)

    script.begin()
    atexit.register(fail)
    script.ends()


def an_asyncio_loop(script: Script) -> None:
    async def log(lane: int) -> None:
        for _ in range(LAST):
            script.log(lane, 1)
            await asyncio.sleep(0)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for lane in (1, 2):
                group.create_task(log(lane))
            group.create_task(asyncio.to_thread(script.log, 3, LAST))

    script.begin()
    asyncio.run(main())
    script.ends()


def a_task_that_fails(script: Script) -> None:
    async def main() -> None:
        script.log(1, LAST)
        script.ends()
        msg = "in a task"
        raise ValueError(msg)

    script.begin()
    asyncio.run(main())


def a_loop_that_goes_on(script: Script) -> None:
    async def main() -> None:
        script.ends()
        while True:
            script.log(1, 1)
            await asyncio.sleep(0.001)

    script.begin()
    asyncio.run(main())


_SINGLE: Final[tuple[Ending, ...]] = (
    Ending("plain", plain),
    Ending("sys.exit(3)", a_code),
    Ending("sys.exit(message)", a_message),
    Ending("uncaught exception", an_exception, ended=FAILED),
    Ending("recursion without end", a_deep_recursion, ended=FAILED, nowhere=True),
    Ending("os._exit", os_exit, CRASHED, FAILED),
    Ending("os.abort", abort, CRASHED, FAILED),
    Ending("SIGTERM", goes_on, CRASHED, FAILED, signals=(signal.SIGTERM,)),
    Ending("SIGHUP", goes_on, CRASHED, FAILED, signals=(signal.SIGHUP,)),
    Ending("SIGKILL", goes_on, CRASHED, FAILED, signals=(signal.SIGKILL,)),
    Ending("SIGINT", goes_on, ended=FAILED, signals=(signal.SIGINT,)),
    Ending("SIGINT twice", goes_on, ended=FAILED, signals=(signal.SIGINT, signal.SIGINT)),
    Ending("SIGINT while it ends", plain, signals=(signal.SIGINT,), late=True),
    Ending("SIGTERM with a handler that exits", a_handler_that_exits, signals=(signal.SIGTERM,)),
    Ending("SIGTERM from a thread", a_kill_from_a_thread, CRASHED, FAILED),
    Ending("daemon threads that log", daemon_threads),
    Ending("threads that outlive the main one", threads_that_go_on),
    Ending("exception in a thread", an_exception_in_a_thread),
    Ending("sys.exit in a thread", an_exit_in_a_thread),
    Ending("exception in an atexit handler", an_exception_at_exit),
    Ending("asyncio", an_asyncio_loop),
    Ending("exception in asyncio", a_task_that_fails, ended=FAILED),
    Ending("SIGINT in asyncio", a_loop_that_goes_on, ended=FAILED, signals=(signal.SIGINT,)),
)

ENDINGS: Final[dict[str, Ending]] = {ending.name: ending for ending in (*_SINGLE, *PROCESSES, *TORCH)}
PARTS: Final[dict[str, Ending]] = ENDINGS | {HIDDEN.name: HIDDEN}
"""What the program can play: those of children too."""
