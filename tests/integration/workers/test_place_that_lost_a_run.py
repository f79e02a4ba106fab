"""Somebody deletes a run's folder while it is written: what the broker still keeps is written there again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.workers import gaps, run_delivery
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.jsonl.sink import JsonlSink
from sitewire.workers.sinks.tensorboard.sink import TensorBoardSink
from support.crew import read_indexes
from support.live import folder_of, read_points
from support.memory_sink import Running
from support.stream import RUN, acknowledged, send

pytestmark = pytest.mark.nats


def in_tensorboard(folder: Path) -> list[int]:
    """Return the steps that TensorBoard's reader shows; a record's is its index."""
    points = read_points(folder_of(folder, RUN.site, RUN.run))
    return [point.step for point in points.get("loss", ())]


def in_lines(folder: Path) -> list[int]:
    """Return the indexes in the files of the one writer."""
    return read_indexes(folder, RUN)


@pytest.mark.parametrize(
    ("sink", "shown"), [(TensorBoardSink, in_tensorboard), (JsonlSink, in_lines)], ids=["tensorboard", "jsonl"]
)
async def test_a_run_whose_folder_is_deleted_is_written_again_from_the_stream(
    client: Client,
    running: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sink: Callable[[Path], Sink],
    shown: Callable[[Path], list[int]],
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)

    async def until(count: int) -> None:
        while len(shown(tmp_path)) < count:
            await asyncio.sleep(0.02)

    async with running(sink(tmp_path)):
        await send(client, 0, 10)
        await until(10)
        await acknowledged(client)
        shutil.rmtree(folder_of(tmp_path, RUN.site, RUN.run))
        await send(client, 10, 20)
        await until(20)
        await acknowledged(client)
    assert shown(tmp_path) == list(range(20))
