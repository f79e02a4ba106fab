"""The loop of the publisher's thread, which does by itself what others hand to an executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class OwnThreadLoop(asyncio.SelectorEventLoop):
    """Runs blocking calls in the loop's own thread.

    At the end of a program ``concurrent.futures`` takes no more work (its exit handler runs before any of
    ``atexit``), and later Pythons start no more threads. But then a short run's publisher has still to look up
    the broker's name and to read the spool. The thread is ours alone: it may block, nobody waits
    for it longer than was allowed.
    """

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        """Call ``func`` now and return its result as a future that is done."""
        del executor  # the default one, which is this thread
        future: asyncio.Future[_T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  an executor hands over whatever was raised, and so does this
            future.set_exception(error)
        return future
