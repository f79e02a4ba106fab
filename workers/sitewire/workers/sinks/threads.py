"""Blocking work in a thread that a cancellation does not leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking function in a thread; return or raise only when the thread is done with it.

    A thread cannot be cancelled. If the await alone were, its owner would reopen files that the thread
    is still writing to.
    """
    return await to_the_end(asyncio.to_thread(function, *args, **kwargs))


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
