"""What a sink is told about the end of a run, and what it must not cost."""
# ruff: noqa: D102, S101  a test's name is its sentence; assert is how pytest checks

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position
from sitewire.workers.sinks.testing.hooks import SinkHooks
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, stream

A = stream(1)
FINISHED: Final = Ending(EndingState.FINISHED, 1, BEGIN + 60)
FAILED: Final = Ending(EndingState.FAILED, 1, BEGIN + 60.5)
AGAIN: Final = Ending(EndingState.RUNNING, 2, BEGIN + 90)


class EndingTests(SinkHooks):
    """A run's end is shown as it was told last, and no record depends on it."""

    @pytest.mark.parametrize("ending", [FINISHED, FAILED], ids=lambda ending: str(ending.state))
    async def test_an_ending_is_shown_and_survives_its_owner(self, place: Path, ending: Ending) -> None:
        batch = scalars(A, 0, 5)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(batch)
            await runner.run.conclude(ending)
            assert dict(runner.run.positions) == {A: Position(delivered=5)}
            await runner.run.close()
        await self.shows(place, ending)
        async with opened(self.make_sink(place)) as sink:
            again = await Runner(sink, known=runner.known).open()
            assert dict(again.run.positions) == {A: Position(delivered=5)}
            await again.run.close()
        await self.shows(place, ending)
        await self.holds_exactly(place, records_of([batch]))

    async def test_an_ending_that_is_told_again_changes_nothing(self, place: Path) -> None:
        batch = scalars(A, 0, 5)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(batch)
            for _ in range(2):
                await runner.run.conclude(FINISHED)
                await runner.run.conclude(FINISHED)
                await runner.reopen()
            await runner.run.close()
        await self.shows(place, FINISHED)
        await self.holds_exactly(place, records_of([batch]))

    async def test_a_run_that_nothing_was_written_to_by_this_owner_can_be_concluded(self, place: Path) -> None:
        batch = scalars(A, 0, 5)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.finish(batch)
        async with opened(self.make_sink(place)) as sink:
            later = await Runner(sink, known=runner.known).open()
            await later.run.conclude(FAILED)
            await later.run.close()
        await self.shows(place, FAILED)
        await self.holds_exactly(place, records_of([batch]))

    async def test_a_run_that_was_never_written_to_can_be_concluded(self, place: Path) -> None:
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.run.conclude(FAILED)
            assert dict(runner.run.positions) == {}
            await runner.finish(scalars(A, 0, 3))
        await self.shows(place, FAILED)
        await self.holds_exactly(place, records_of([scalars(A, 0, 3)]))

    async def test_a_new_attempt_opens_a_concluded_run_again_and_goes_on_in_it(self, place: Path) -> None:
        first, second = scalars(A, 0, 5), scalars(stream(2), 0, 4)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(first)
            await runner.run.conclude(FAILED)
            await runner.run.close()
        async with opened(self.make_sink(place)) as sink:
            resumed = await Runner(sink, known=runner.known).open()
            await resumed.run.conclude(AGAIN)
            await self.shows(place, AGAIN)
            await resumed.finish(second)
        await self.holds_exactly(place, records_of([first, second]))

    async def test_records_that_come_after_the_end_are_written_all_the_same(self, place: Path) -> None:
        first, late = scalars(A, 0, 5), scalars(A, 5, 9)
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(first)
            await runner.run.conclude(FINISHED)
            await runner.finish(late)
            assert runner.known == {A: Position(delivered=9)}
        await self.holds_exactly(place, records_of([first, late]))

    async def shows(self, place: Path, ending: Ending) -> None:
        """Check that the place shows this ending, if it shows any."""
        if self.ends:
            shown = await asyncio.to_thread(self.read_ending, place, KEY)
            assert shown == ending
