"""Which records a place holds, whatever their names, values and steps."""
# ruff: noqa: D102, S101  a test's name is its sentence; assert is how pytest checks

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing.hooks import SinkHooks
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import (
    BEGIN,
    FLOATS,
    NAMES,
    STEPS,
    VALUES,
    records_of,
    scalar,
    scalars,
    span,
    stream,
)

A = stream(1)


class FormTests(SinkHooks):
    """What is delivered is held as it was."""

    async def test_identity_is_type_and_place(self, place: Path) -> None:
        sink = self.make_sink(place)
        assert sink.name == self.sink_type.name
        assert sink.identity.startswith(f"{sink.name}:")
        assert sink.identity == self.make_sink(place).identity
        async with opened(sink):
            assert sink.identity == self.make_sink(place).identity
        if self.keeps:
            assert sink.identity != self.make_sink(place.parent / "elsewhere").identity

    async def test_an_unknown_option_is_refused_and_each_is_described(self, place: Path) -> None:
        model = self.sink_type.Options
        with pytest.raises(ValidationError):
            model.model_validate({**self.options(place), "no_such_option": 1})
        assert [name for name, field in model.model_fields.items() if not field.description] == []
        assert model.model_config.get("frozen")

    async def test_every_kind_that_it_says_it_holds_is_taken(self, place: Path) -> None:
        sink = self.make_sink(place)
        batches = [
            span(
                stream(1, record_class), 0, [_sample(k) for k in Kind if CLASS_OF[k] is record_class and sink.holds(k)]
            )
            for record_class in RecordClass
        ]
        batches = [batch for batch in batches if batch.stretch.end]
        async with opened(sink):
            runner = await Runner(sink).open()
            await runner.deliver(*batches)
            await runner.reopen()
            assert {key: at.delivered for key, at in runner.run.positions.items()} == {
                batch.key: batch.stretch.end for batch in batches
            }
            await runner.run.close()
        await self.holds_exactly(place, records_of(batches))

    async def test_awkward_names_stay_apart(self, place: Path) -> None:
        names = [scalar(index, name) for index, name in enumerate(NAMES)]
        series = [scalar(index + len(names), "x", series=name) for index, name in enumerate(NAMES)]
        await self._holds(place, [*names, *series])
        assert set(await asyncio.to_thread(os.listdir, place.parent)) <= {place.name}  # no name climbs out

    async def test_runs_with_awkward_names_stay_apart(self, place: Path) -> None:
        keys = [RunKey(site[:60], run[:60]) for site, run in pairwise(NAMES)]
        async with opened(self.make_sink(place)) as sink:
            for number, key in enumerate(keys):
                await (await Runner(sink, key).open()).finish(scalars(A, 0, number + 1))
        for number, key in enumerate(keys):
            await self.holds_exactly(place, records_of([scalars(A, 0, number + 1)]), key)

    async def test_values_without_a_finite_number_are_kept(self, place: Path) -> None:
        await self._holds(place, [Record(Kind.SCALAR, "x", value, BEGIN + n, n) for n, value in enumerate(FLOATS)])

    async def test_steps_are_kept_and_none_is_counted_per_name(self, place: Path) -> None:
        records = [
            Record(Kind.SCALAR, name, 1.0, BEGIN + n, step, series=series)
            for name, series in (("x", None), ("y", None), ("x", "s"))
            for n, step in enumerate(STEPS)
        ]
        await self._holds(place, records)

    async def _holds(self, place: Path, records: Sequence[Record]) -> None:
        """Deliver one record a batch, each time opened again half-way, and read them back."""
        half = len(records) // 2
        async with opened(self.make_sink(place)) as sink:
            runner = await Runner(sink).open()
            await runner.deliver(span(A, 0, records[:half]))
            await runner.reopen()
            await runner.deliver(span(A, half, records[half : half + 1]))
            await runner.finish(span(A, 0, records))
        await self.holds_exactly(place, records)


def _sample(kind: Kind) -> Record:
    return Record(kind, f"a/{kind}", VALUES[kind], BEGIN, 3, round=1, epoch=2, context="train")
