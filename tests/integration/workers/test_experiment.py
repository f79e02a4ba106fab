"""The experiment that a run is opened with in the sink."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from nats.aio.client import Client

from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers import gaps
from sitewire.workers.sinks.contract import RunSink
from support.memory_sink import MemorySink, Place, Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, scalar
from support.unreadable import junk

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


@dataclass
class Heard(MemorySink):
    """A sink that notes experiments.

    Attributes:
        place: what it writes to.
        experiments: of the runs, as they were opened.
    """

    place: Place
    experiments: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.place)

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:
        self.experiments.append(experiment)
        return await super().open_run(key, experiment, known)


async def test_a_run_of_which_the_first_message_cannot_be_read_is_opened_in_the_experiment_of_the_others(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "UNACCOUNTED", 0.2)
    sink = Heard(place)
    async with running(sink) as owner:
        await junk(client)
        async with asyncio.timeout(10):
            while not owner.unreadable:
                await asyncio.sleep(0.01)
        data = encode_envelope(WRITER, SCALARS, 0, [pack_record(scalar(0))], experiment="mnist")
        await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), data)
        await place.until(RUN, KEY, 1)
        await acknowledged(client)
    assert sink.experiments == ["mnist"]
