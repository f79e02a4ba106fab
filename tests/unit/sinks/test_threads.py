"""A cancellation waits for the thread: nobody may reopen what it still writes to."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sitewire.workers.sinks import threads
from sitewire.workers.sinks.threads import AT_ONCE, abandon, in_reader, in_thread


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


async def test_who_waits_for_a_thread_that_is_abandoned_is_cancelled_and_no_other_is_begun() -> None:
    go, done = threading.Event(), threading.Event()
    hanging = [asyncio.create_task(in_thread(go.wait)) for _ in range(2)]
    await asyncio.sleep(0.05)
    hanging[0].cancel()
    await asyncio.sleep(0.05)
    try:
        assert abandon() == 2
        await asyncio.wait(hanging, timeout=5)
        assert all(task.cancelled() for task in hanging)
        with pytest.raises(asyncio.CancelledError):
            await in_thread(done.set)
        assert not done.is_set()
    finally:
        go.set()


async def test_where_no_thread_is_at_work_nothing_is_abandoned() -> None:
    assert await in_thread(int, "7") == 7
    assert abandon() == 0
    assert await in_thread(int, "7") == 7


async def test_threads_that_hang_stop_neither_the_others_nor_the_loops_own_threads() -> None:
    go = threading.Event()
    hanging = [asyncio.create_task(in_thread(go.wait)) for _ in range(4 * AT_ONCE)]
    try:
        async with asyncio.timeout(10):
            await asyncio.gather(*(in_thread(int, "7") for _ in range(AT_ONCE)))
            await asyncio.gather(*(asyncio.to_thread(int, "7") for _ in range(AT_ONCE)))
    finally:
        go.set()
        await asyncio.wait(hanging)


async def test_who_reads_all_of_a_run_does_so_one_at_a_time() -> None:
    at_once: list[int] = []
    reading = threading.Semaphore(0)

    def read() -> None:
        reading.release()
        at_once.append(reading._value)
        threading.Event().wait(0.02)
        reading.acquire()

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(in_reader(read))
    assert at_once == [1] * 4


async def test_a_reader_that_hangs_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "READING", 0.05)
    go = threading.Event()
    hanging = asyncio.create_task(in_reader(go.wait))
    try:
        async with asyncio.timeout(5):
            assert await in_reader(int, "7") == 7
        assert not hanging.done()
    finally:
        go.set()
    await hanging
