"""Endings with further processes: forks, multiprocessing, pools, another program."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from support.ends.ending import CRASHED, FAILED, Ending
from support.ends.script import LAST, Script


def a_fork_that_ends(script: Script) -> None:
    script.begin()
    if not (child := os.fork()):
        script.log(1, LAST)
        return
    script.log(0, LAST)
    os.waitpid(child, 0)
    script.ends()


def a_fork_that_leaves(script: Script) -> None:
    script.begin()
    if not (child := os.fork()):
        script.log(1, LAST)
        os._exit(0)
    os.waitpid(child, 0)
    script.log(0, LAST)
    script.ends()


def a_fork_that_outlives(script: Script) -> None:
    script.begin()
    if not os.fork():
        script.log_for_ever(1, 0.5)
        os._exit(0)
    script.wait_until(1, 1)
    script.ends()


def a_fork_of_a_fork(script: Script) -> None:
    script.begin()
    if not (child := os.fork()):
        script.log(1, LAST)
        if not (grandchild := os.fork()):
            script.log(2, LAST)
            sys.exit(0)
        os.waitpid(grandchild, 0)
        sys.exit(0)
    os.waitpid(child, 0)
    script.ends()


def work(script: Script, lane: int) -> None:
    """Log into a lane: what children do."""
    script.log(lane, LAST)


def work_for_ever(script: Script, lane: int) -> None:
    """Log into a lane until somebody ends the process."""
    script.log_for_ever(lane)


def processes(method: str, script: Script) -> None:
    script.begin()
    context: Any = multiprocessing.get_context(method)
    children = [context.Process(target=work, args=(script, lane)) for lane in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    script.log(0, LAST)
    script.ends()


def daemons(method: str, script: Script) -> None:
    script.begin()
    context: Any = multiprocessing.get_context(method)
    for lane in (1, 2):
        context.Process(target=work_for_ever, args=(script, lane), daemon=True).start()
    for lane in (1, 2):
        script.wait_until(lane, LAST)
    script.ends()


def a_terminated_pool(script: Script) -> None:
    script.begin()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(partial(work, script), [1, 2], chunksize=1)
        script.ends()


def a_pool_of_threads(script: Script) -> None:
    script.begin()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(partial(work, script), [1, 2, 3]))
    script.ends()


def a_pool_of_processes(method: str, script: Script) -> None:
    script.begin()
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        list(pool.map(partial(work, script), [1, 2]))
    script.ends()


def another_program(script: Script) -> None:
    script.begin()
    subprocess.run(script.child_command(1), check=True)
    script.log(0, LAST)
    script.ends()


def another_program_that_is_killed(script: Script) -> None:
    script.begin()
    child = subprocess.Popen(script.command("logs until it is killed"))
    script.wait_until(1, LAST)
    child.kill()
    child.wait()
    script.log(0, LAST)
    script.ends()


def logs_until_killed(script: Script) -> None:
    script.log_for_ever(1)


def exec_of_itself(script: Script) -> None:
    script.begin()  # the program in its place says when it ends
    os.execv(sys.executable, script.child_command(1))  # noqa: S606  the ending is this


def exec_of_another(script: Script) -> None:
    script.begin()
    script.ends()
    os.execv("/bin/sh", ["sh", "-c", "exit 6"])  # noqa: S606  as above


def a_fork_in_mid_logging(script: Script) -> None:
    """Forks while other threads are inside log calls: what a lock of theirs does to the child."""
    stop = time.monotonic() + 0.4
    threads = [threading.Thread(target=script.log_for_ever, args=(lane, 0.4)) for lane in (1, 2, 3)]
    script.begin()
    for thread in threads:
        thread.start()
    while time.monotonic() < stop:
        if not (child := os.fork()):
            script.log(4, 1)
            os._exit(0)
        os.waitpid(child, 0)
    for thread in threads:
        thread.join()
    script.ends()


PROCESSES: Final[tuple[Ending, ...]] = (
    Ending("os.fork, and the child ends", a_fork_that_ends),
    Ending("os.fork, and the child leaves by os._exit", a_fork_that_leaves),
    Ending("os.fork, and the child outlives its parent", a_fork_that_outlives),
    Ending("os.fork in an os.fork", a_fork_of_a_fork),
    Ending("os.fork while threads log", a_fork_in_mid_logging),
    Ending("multiprocessing, fork", partial(processes, "fork")),
    Ending("multiprocessing, spawn", partial(processes, "spawn")),
    Ending("multiprocessing, forkserver", partial(processes, "forkserver")),
    Ending("daemons of multiprocessing, fork", partial(daemons, "fork")),
    Ending("daemons of multiprocessing, spawn", partial(daemons, "spawn"), CRASHED, FAILED),
    Ending("a pool that is terminated", a_terminated_pool),
    Ending("concurrent.futures, threads", a_pool_of_threads),
    Ending("concurrent.futures, fork", partial(a_pool_of_processes, "fork")),
    Ending("concurrent.futures, spawn", partial(a_pool_of_processes, "spawn")),
    Ending("subprocess of itself", another_program),
    Ending("subprocess of itself that is killed", another_program_that_is_killed, CRASHED, FAILED),
    Ending("exec of itself", exec_of_itself),
    Ending("exec of another program", exec_of_another, CRASHED, FAILED),
)
HIDDEN: Final = Ending("logs until it is killed", logs_until_killed)
"""Of a child; no trial's own."""
