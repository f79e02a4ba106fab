"""A cancellation waits for the thread: nobody may reopen what it still writes to."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sitewire.workers.sinks.threads import in_thread


async def test_a_result_and_an_error_come_through() -> None:
    assert await in_thread(int, "7") == 7
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "x")


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_is_raised_when_the_thread_is_done(fails: bool) -> None:
    go, done = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        done.set()
        if fails:
            raise OSError

    task = asyncio.create_task(in_thread(work))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    finished, _ = await asyncio.wait({task}, timeout=0.05)
    go.set()  # before anything is checked: the loop does not end while the thread waits
    assert not finished
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
