"""What is committed, counted and remembered."""
# ruff: noqa: D102, S101  a test's name is its sentence; assert is how pytest checks

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import OutOfOrder
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.testing import child
from sitewire.workers.sinks.testing.hooks import SinkHooks
from sitewire.workers.sinks.testing.runner import Runner, opened, remaining
from sitewire.workers.sinks.testing.samples import records_of, scalars, span, stream

A = stream(1)
B = stream(2)


class PositionTests(SinkHooks):
    """Every index is counted once, by what became of it."""

    async def test_positions_move_at_the_commit_and_not_before(self, place: Path) -> None:
        batch = scalars(A, 0, 10)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            assert dict(runner.run.positions) == {}
            await runner.run.write([batch])
            assert dict(runner.run.positions) == {}
            await runner.commit()
            assert dict(runner.run.positions) == {A: Position(delivered=10)}
            await runner.run.close()
        await self.holds_exactly(place, records_of([batch]))

    async def test_another_owner_goes_on_where_the_last_one_stopped(self, place: Path) -> None:
        batches = [scalars(A, first, first + 7) for first in range(0, 35, 7)]
        known: Mapping[Any, Position] = {}
        for batch in batches:
            async with opened(self.make_sink(place)) as sink:
                runner = await Runner(sink, known=known).open()
                assert [at.next for at in runner.run.positions.values()] == ([batch.stretch.first] if known else [])
                await runner.deliver(batch)
                await runner.run.close()
                known = runner.known
        assert known == {A: Position(delivered=35)}
        await self.holds_exactly(place, records_of(batches))

    async def test_several_writes_are_committed_together(self, place: Path) -> None:
        batches = [scalars(A, 0, 5), scalars(B, 0, 3), scalars(A, 5, 6)]
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            for batch in batches:
                await runner.run.write([batch])
            await runner.commit()
            await runner.reopen()
            assert dict(runner.run.positions) == {A: Position(delivered=6), B: Position(delivered=3)}
            await runner.run.close()
        await self.holds_exactly(place, records_of(batches))

    async def test_what_was_written_and_not_committed_is_neither_lost_nor_doubled(self, place: Path) -> None:
        batches = [scalars(A, 0, 5), scalars(A, 5, 9), scalars(A, 9, 12)]
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(batches[0])
            await runner.run.write([batches[1]])
            await runner.reopen()
            await runner.finish(*batches)
            assert runner.known == {A: Position(delivered=12)}
        await self.holds_exactly(place, records_of(batches))

    async def test_a_batch_that_comes_again_is_cut_by_positions(self, place: Path) -> None:
        first, second = scalars(A, 0, 8), scalars(A, 4, 12)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(first)
            assert remaining([first], runner.run.positions) == []
            await runner.finish(first, second)
        await self.holds_exactly(place, records_of([scalars(A, 0, 12)]))

    @pytest.mark.parametrize("begin", [4, 6])
    async def test_a_caller_that_skips_or_repeats_is_refused(self, place: Path, begin: int) -> None:
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(scalars(A, 0, 5))
            with pytest.raises(OutOfOrder):
                await runner.run.write([scalars(A, begin, 9)])
            await runner.reopen()
            await runner.finish(scalars(A, 0, 9))
        await self.holds_exactly(place, records_of([scalars(A, 0, 9)]))

    async def test_a_numbering_begins_anywhere(self, place: Path) -> None:
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(scalars(A, 1000, 1003), Delivery(B, Hole(HoleName.EXPIRED, 77, 3)))
            await runner.reopen()
            assert dict(runner.run.positions) == {
                A: Position(base=1000, delivered=3),
                B: Position(base=77, holes={HoleName.EXPIRED: 3}),
            }
            await runner.run.close()

    async def test_holes_and_outcomes_are_counted_by_name_and_remembered(self, place: Path) -> None:
        batch = [scalars(A, 0, 2)]
        for number, outcome in enumerate(Outcome):
            batch.append(span(A, batch[-1].stretch.end, records_of([scalars(A, 0, number + 1)])))
            batch[-1] = Delivery(A, batch[-1].stretch, outcome)
        for number, name in enumerate(HoleName):
            batch.append(Delivery(A, Hole(name, batch[-1].stretch.end, number + 5)))
        batch.append(scalars(A, batch[-1].stretch.end, batch[-1].stretch.end + 4))
        wanted = Position(0, 2 + 1 + 4, 2, 3, 4, {name: number + 5 for number, name in enumerate(HoleName)})
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(*batch)
            assert dict(runner.run.positions) == {A: wanted}
            await runner.reopen()
            assert dict(runner.run.positions) == {A: wanted}
            await runner.run.close()
        await self.holds_exactly(place, records_of([item for item in batch if item.outcome is Outcome.DELIVERED]))

    async def test_writers_and_classes_share_a_run(self, place: Path) -> None:
        sink = self.make_sink(place)
        keys = child.streams(sink)
        written: list[Delivery] = []
        async with opened(sink):
            runner = await Runner(sink).open()
            for _ in range(5):
                batch = child.batch(keys, runner.run)
                written += batch
                await runner.deliver(*batch)
                await runner.reopen()
            assert {key: at.delivered for key, at in runner.run.positions.items()} == {
                key: 5 * (child.BATCH + 3 * number) for number, key in enumerate(keys)
            }
            await runner.run.close()
        await self.holds_exactly(place, records_of(written))

    async def test_64_runs_are_written_to_at_once(self, place: Path) -> None:
        async with opened(self.make_sink(place)) as sink, AsyncExitStack() as stack:
            runners = [await Runner(sink, RunKey(f"site {n % 8}", f"run/{n // 8}")).open() for n in range(64)]
            for runner in runners:
                stack.push_async_callback(runner.run.close)
            for first in (0, 4):
                async with asyncio.TaskGroup() as group:
                    for runner in runners:
                        group.create_task(runner.deliver(scalars(A, first, first + 4)))
        for runner in runners:
            assert runner.known == {A: Position(delivered=8)}
            await self.holds_exactly(place, records_of([scalars(A, 0, 8)]), runner.key)
