"""Closes, cancellations, kills, and other owners."""
# ruff: noqa: D102, S101  a test's name is its sentence; assert is how pytest checks

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from sitewire.schemas.receipt import Position
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import SinkBusy, Temporary
from sitewire.workers.sinks.contract import Delivery, Sink
from sitewire.workers.sinks.testing import child
from sitewire.workers.sinks.testing.hooks import SinkHooks
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened, remaining
from sitewire.workers.sinks.testing.samples import record_at, records_of, scalars, stream

A = stream(1)


class InterruptionTests(SinkHooks):
    """However it ends, nothing is lost, doubled or written by two."""

    async def test_closing_twice_is_closing_once(self, place: Path) -> None:
        sink = self.make_sink(place)
        await sink.close()
        async with opened(sink):
            runner = await Runner(sink).open()
            await runner.deliver(scalars(A, 0, 3))
            await runner.run.close()
            await runner.run.close()
            with pytest.raises(Temporary):
                await runner.run.write([scalars(A, 3, 4)])
            with pytest.raises(Temporary):
                await runner.run.commit()
        await sink.close()
        with pytest.raises(Temporary):
            await sink.open_run(KEY, "experiment", {})
        await self.holds_exactly(place, records_of([scalars(A, 0, 3)]))

    async def test_a_cancelled_write_is_neither_lost_nor_doubled(self, place: Path) -> None:
        chance = random.Random(7)  # noqa: S311  chooses moments, not keys
        end = 40 * 50
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            for _ in range(40):
                at = runner.run.positions.get(A, Position()).next
                task = asyncio.create_task(runner.deliver(scalars(A, at, end)))
                await asyncio.wait({task}, timeout=chance.uniform(0, 0.01))
                task.cancel()
                await asyncio.wait({task})
                await runner.reopen()
            await runner.finish(scalars(A, 0, end))
            assert runner.known == {A: Position(delivered=end)}
        await self.holds_exactly(place, records_of([scalars(A, 0, end)]))

    async def test_a_writer_killed_at_any_moment_loses_and_doubles_nothing(self, place: Path) -> None:
        sink = self.make_sink(place)
        if not sink.remembers:
            pytest.skip("positions are in receipts: a kill between a commit and its receipt counts again")
        chance = random.Random()  # noqa: S311  the moments differ from run to run on purpose
        for _ in range(self.kills):
            process = await self.start_child(place, "write")
            await asyncio.sleep(chance.expovariate(1 / 0.03))  # the moment of the kill is what is tried
            process.kill()
            assert await process.wait() == -signal.SIGKILL
        async with opened(sink):
            runner = await Runner(sink).open()
            await runner.deliver(*child.batch(child.streams(sink), runner.run))
            await runner.run.close()
        assert all(at == Position(delivered=at.next) for at in runner.known.values())
        await self.holds_exactly(place, [record_at(key, i) for key, at in runner.known.items() for i in range(at.next)])

    async def test_a_partition_has_one_owner_whose_death_frees_it(self, place: Path) -> None:
        if not self.locks:
            pytest.skip("the sink has no place that two could write to")
        process = await self.start_child(place, "hold")
        with pytest.raises(SinkBusy, match=str(process.pid)):
            await self.make_sink(place).open(0)
        process.kill()
        await process.wait()
        async with opened(self.make_sink(place)):
            pass

    async def test_a_second_sink_of_the_process_is_refused_and_does_no_harm(self, place: Path) -> None:
        if not self.locks:
            pytest.skip("the sink has no place that two could write to")
        async with opened(self.make_sink(place)):
            with pytest.raises(SinkBusy):
                await self.make_sink(place).open(0)
            process = await self.start_child(place, "hold", ready=False)
            assert await process.wait() != 0  # the refused attempt has not let go of the lock
        async with opened(self.make_sink(place)):
            pass

    async def test_two_owners_at_once_who_write_the_same_write_it_once(self, place: Path) -> None:
        if not self.keeps:
            pytest.skip("there is nothing to read back")
        batches = [scalars(A, first, first + 40) for first in range(0, 200, 40)]
        async with asyncio.TaskGroup() as group:
            for _ in range(2):
                group.create_task(_insist(self.make_sink(place), batches))
        await self.holds_exactly(place, records_of(batches))

    async def test_two_partitions_of_one_place_are_written_side_by_side(self, place: Path) -> None:
        keys = [RunKey("site", "one"), RunKey("site", "two")]
        async with opened(self.make_sink(place), 0) as zero, opened(self.make_sink(place), 1) as one:
            runners = [await Runner(sink, key).open() for sink, key in zip((zero, one), keys, strict=True)]
            for runner in runners:
                await runner.deliver(scalars(A, 0, 5))
            for runner in runners:
                await runner.run.close()
        for key in keys:
            await self.holds_exactly(place, records_of([scalars(A, 0, 5)]), key)


async def _insist(sink: Sink, batches: Sequence[Delivery]) -> None:
    """Write what is missing of the batches, again and again while the sink says that this may help."""
    left = list(batches)
    while left:
        try:
            async with opened(sink):
                runner = await Runner(sink).open()
                while left := remaining(left, runner.run.positions):
                    await runner.deliver(left[0])
                await runner.run.close()
        except Temporary:
            await asyncio.sleep(0.01)  # its own lock, or the other one's, is let go of
