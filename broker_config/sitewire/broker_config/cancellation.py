"""Cancellation that a library has swallowed.

On Python 3.11 ``asyncio.wait_for``, which nats-py waits with, can drop a cancellation that comes in the
moment its future is done (CPython issue 86296, mended in 3.12): the task goes on as if nothing had been said, and
whoever waits for its end waits for ever. The task's own count remembers.
"""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """End the present task if somebody has asked for it; called once a turn by loops that wait on nats-py.

    Raises:
        asyncio.CancelledError: the task was cancelled and is still running.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
