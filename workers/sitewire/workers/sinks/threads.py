"""Blocking work in a thread that a cancellation does not leave behind."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sitewire.workers.slots import Slots

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = (os.cpu_count() or 1) + 4
"""Threads at work: they share one interpreter, and more of them only make the loop wait for its turn."""

HANGS: Final = 0.25  # seconds; a thread that is at it for longer does not count
MOST: Final = 1000  # threads, nearly all of which hang then

_threads: Final = ThreadPoolExecutor(MOST, thread_name_prefix="sink")
"""Our own: a place that does not answer must not take the loop's threads, which resolve the broker's name."""

_slots: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Slots]] = WeakKeyDictionary()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a thread; return or raise only when the thread is done with it.

    A thread cannot be cancelled. If the await alone were, its owner would reopen files that the thread
    is still writing to.
    """
    loop = asyncio.get_running_loop()
    slots = _slots.get(loop) or _slots.setdefault(loop, Slots(AT_ONCE, HANGS))
    call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
    async with slots.one():
        return await to_the_end(loop.run_in_executor(_threads, call))


async def to_the_end(work: Awaitable[T]) -> T:
    """Await work that must not be abandoned half-way; a cancellation is raised once it is done."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen: the cancellation goes first
        raise cancelled
    return task.result()
