"""A few at a time, and one that hangs stops nobody."""

from __future__ import annotations

import asyncio

import pytest

from sitewire.workers.slots import Slots


async def test_no_more_than_the_count_run_at_once() -> None:
    slots, inside, most = Slots(2, 60.0), 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with slots.one():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(work())
    assert most == 2


async def test_one_that_hangs_gives_its_place_to_another_and_no_second_one_when_it_is_done() -> None:
    slots, done = Slots(1, 0.02), asyncio.Event()

    async def hang() -> None:
        async with slots.one():
            await done.wait()

    hanging = asyncio.create_task(hang())
    await asyncio.sleep(0)
    async with asyncio.timeout(5), slots.one():
        done.set()
        await hanging
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005), slots.one():
                pass


async def test_a_place_is_free_again_after_an_error_and_after_a_cancellation_while_waiting() -> None:
    slots = Slots(1, 60.0)

    async def fail() -> None:
        async with slots.one():
            waiting = asyncio.create_task(slots.one().__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with asyncio.timeout(5), slots.one():
        pass
