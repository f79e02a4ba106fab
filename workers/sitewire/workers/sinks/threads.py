"""Blocking work in a thread that a cancellation does not leave behind."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from sitewire.workers.slots import Slots

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = (os.cpu_count() or 1) + 4
"""Threads at work: they share one interpreter, and more of them only make the loop wait for its turn."""

HANGS: Final = 0.25  # seconds; a thread that is at it for longer does not count
READS: Final = 1
"""Threads that read what is there of a run, at once.

They compute for seconds, and do not hang: with ``in_thread``'s patience all 32 runs of a worker were read at the same
time, and its loop had one turn in 33.
"""

READING: Final = 2.0  # seconds after which one does not count: a file system may hang after all
MOST: Final = 1000  # threads, nearly all of which hang then

_threads: Final = ThreadPoolExecutor(MOST, thread_name_prefix="sink")
"""Our own: a place that does not answer must not take the loop's threads, which resolve the broker's name."""


class _Work:
    """The threads' work that one event loop waits for."""

    def __init__(self) -> None:
        self.slots = Slots(AT_ONCE, HANGS)
        self.readers = Slots(READS, READING)
        self.waiting: set[asyncio.Task[Any]] = set()
        self.abandoned = False
        self.undone: list[object] = []  # kept: a lock that nobody refers to any more would be let go


_work: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Work]] = WeakKeyDictionary()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a thread; return or raise only when the thread is done with it.

    A thread cannot be cancelled. If the await alone were, its owner would reopen files that the thread
    is still writing to.
    """
    return await _run(_here().slots, functools.partial(function, *args, **kwargs))


async def in_reader(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the same with a function that reads all that is there of a run, when its turn has come."""
    return await _run(_here().readers, functools.partial(function, *args, **kwargs))


async def to_the_end(work: Awaitable[T]) -> T:
    """Await work that must not be abandoned half-way; a cancellation is raised once it is done."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_see)
    cancelled = await _wait_for(task)
    if cancelled is not None:
        raise cancelled
    return task.result()


def abandon() -> int:
    """Have nobody wait for threads any more: this process ends without them, and must do so soon.

    Whoever waits for one, or would start one, is cancelled. What such threads hold, a lock or a file, stays held
    until the process is gone; what they have not committed is delivered again.

    Returns:
        How many threads are at work. If there is none, nothing is changed.
    """
    work = _here()
    work.abandoned = bool(work.waiting)
    for task in work.waiting:
        task.cancel()
    return len(work.waiting)


def abandoned() -> bool:
    """Whether nobody waits for threads any more."""
    return _here().abandoned


async def _run(slots: Slots, function: Callable[[], T]) -> T:
    loop, work = asyncio.get_running_loop(), _here()
    call = functools.partial(contextvars.copy_context().run, function)
    if work.abandoned:
        work.undone.append(call)
        raise asyncio.CancelledError
    async with slots.one():
        return await to_the_end(loop.run_in_executor(_threads, call))


def _here() -> _Work:
    loop = asyncio.get_running_loop()
    return _work.get(loop) or _work.setdefault(loop, _Work())


async def _wait_for(future: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait until it is done, or abandoned; return the cancellation that came meanwhile."""
    work, waits = _here(), asyncio.current_task()
    assert waits is not None  # noqa: S101  who awaits is a task
    cancelled: asyncio.CancelledError | None = None
    work.waiting.add(waits)
    try:
        while not (future.done() or (work.abandoned and cancelled is not None)):
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError as error:
                cancelled = error
    finally:
        work.waiting.discard(waits)
    return cancelled


def _see(future: asyncio.Future[Any]) -> None:
    """Take notice of an error that nobody may ask for: a cancellation goes first."""
    if not future.cancelled():
        future.exception()
