"""Parameters on TensorBoard's hparams page: one session a run, whatever parted its batches."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Kind, Record, RecordClass, Value
from sitewire.workers.sinks.files import GrowingFile
from sitewire.workers.sinks.tensorboard import TensorBoardSink
from sitewire.workers.sinks.tensorboard.recovery import read_index
from sitewire.workers.sinks.tensorboard.session import GRACE, MAX_VALUE_CHARACTERS
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, span, stream
from support.data_server import DataServer
from support.hparams_page import Row, python_provider, read_page

RUN, SCALARS = stream(1, RecordClass.RUN), stream(1)
NAME = "/".join(reversed(KEY.tokens))
FINISHED = Ending(EndingState.FINISHED, 1, BEGIN + 60)
FAILED = Ending(EndingState.FAILED, 1, BEGIN + 60)
Page: TypeAlias = Callable[[], dict[str, Row]]


def params(first: int, *items: tuple[str, Value]) -> Any:
    return span(RUN, first, [Record(Kind.PARAM, name, value, BEGIN) for name, value in items])


def scalars(first: int, *seconds: float, series: str | None = None) -> Any:
    records = [Record(Kind.SCALAR, "loss", 0.5, BEGIN + at, first + n, series=series) for n, at in enumerate(seconds)]
    return span(SCALARS, first, records)


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Read as somebody does who starts TensorBoard now."""
    return lambda: read_page(python_provider(tmp_path))


@pytest.fixture
def sink(tmp_path: Path) -> TensorBoardSink:
    return TensorBoardSink(tmp_path)


async def test_what_was_logged_before_the_first_scalar_is_one_session_however_many_batches_and_owners_it_took(
    sink: TensorBoardSink, page: Page
) -> None:
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(params(0, ("lr", 0.1), ("depth", 3)))
        await runner.deliver(scalars(0, 1.0))  # it was faster than the parameter that was logged before it
        await runner.reopen()
        await runner.deliver(params(2, ("optimizer", "adam"), ("nesterov", True)))
        assert page() == {}
        await runner.reopen()
        await runner.deliver(scalars(1, 1.1, 1.1 + GRACE))
        assert page() == {
            NAME: Row({"lr": 0.1, "depth": 3.0, "optimizer": "adam", "nesterov": True}, {"loss": 0.5}, "STATUS_UNKNOWN")
        }
        await runner.run.close()


async def test_the_files_of_an_owner_that_wrote_many_markers_still_say_all_parameters(
    sink: TensorBoardSink, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitewire.workers.sinks.tensorboard.run.WHOLE_EVERY", 2)
    async with opened(sink):
        runner = await Runner(sink).open()
        for number in range(7):
            await runner.deliver(params(number, (f"p{number}", number)))
        await runner.reopen()
        await runner.deliver(scalars(0, 1.0, 9.0))
        await runner.run.close()
    assert page()[NAME].params == {f"p{number}": float(number) for number in range(7)}


async def test_a_parameter_that_comes_later_is_a_text_and_changes_no_session(
    sink: TensorBoardSink, page: Page, tmp_path: Path
) -> None:
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(params(0, ("lr", 0.1)), scalars(0, 1.0, 9.0))
        await runner.deliver(params(1, ("lr", 0.2), ("late", 1)))
        await runner.reopen()
        await runner.deliver(params(3, ("later", 1)), scalars(2, 20.0, 30.0))
        await runner.run.conclude(FINISHED)
        await runner.run.close()
    assert page()[NAME] == Row({"lr": 0.1}, {"loss": 0.5}, "STATUS_SUCCESS")
    assert texts(tmp_path) == {"param/lr/text_summary", "param/late/text_summary", "param/later/text_summary"}


@pytest.mark.parametrize(("ending", "status"), [(FINISHED, "STATUS_SUCCESS"), (FAILED, "STATUS_FAILURE")])
async def test_a_run_that_ends_before_its_session_has_begun_has_it_begun_and_ended_then(
    sink: TensorBoardSink, page: Page, ending: Ending, status: str
) -> None:
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(params(0, ("lr", 0.1)), scalars(0, 1.0))
        await runner.reopen()
        await runner.run.conclude(ending)
        await runner.run.close()
    assert page() == {NAME: Row({"lr": 0.1}, {"loss": 0.5}, status)}


async def test_an_end_that_is_told_again_writes_nothing_and_a_new_attempt_does_not_open_it(
    sink: TensorBoardSink, page: Page, tmp_path: Path
) -> None:
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(params(0, ("lr", 0.1)))
        await runner.run.conclude(FAILED)
        size = sum(path.stat().st_size for path in tmp_path.rglob("*tfevents*"))
        for ending in (FAILED, Ending(EndingState.RUNNING, 2, BEGIN + 90), FINISHED):
            await runner.run.conclude(ending)
            await runner.reopen()
            await runner.run.conclude(ending)
        assert sum(path.stat().st_size for path in tmp_path.rglob("*tfevents*")) == size
        await runner.run.close()
    assert page()[NAME].status == "STATUS_FAILURE"


async def test_a_run_without_parameters_has_no_session_and_its_end_writes_nothing(
    sink: TensorBoardSink, page: Page, tmp_path: Path
) -> None:
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(scalars(0, 1.0, 9.0, series="s"))
        size = sum(path.stat().st_size for path in tmp_path.rglob("*tfevents*"))
        await runner.run.conclude(FINISHED)
        assert sum(path.stat().st_size for path in tmp_path.rglob("*tfevents*")) == size
        await runner.run.close()
    assert page() == {}


async def test_hyperparameters_of_a_summary_writer_go_on_as_a_session_of_their_own(
    sink: TensorBoardSink, page: Page
) -> None:
    hparams = {"params": {"lr": 0.1, "bad": math.nan}, "metrics": ("loss",)}
    record = Record(Kind.HPARAMS, "hparams", hparams, BEGIN)
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(span(RUN, 0, [record._replace(series="trial"), record]), params(2, ("other", 1)))
        await runner.deliver(scalars(0, 1.0, 9.0))
        await runner.run.conclude(FAILED)
        await runner.run.close()
    shown = {"lr": 0.1, "bad": "nan"}
    assert page() == {
        f"{NAME}/trial": Row(shown, {}, "STATUS_SUCCESS"),
        NAME: Row(shown, {"loss": 0.5}, "STATUS_SUCCESS"),
    }


async def test_values_that_would_break_the_page_are_shown_as_text(sink: TensorBoardSink, page: Page) -> None:
    items: Sequence[tuple[str, Value]] = [
        ("nan", math.nan),
        ("inf", -math.inf),
        ("none", None),
        ("long", "x" * 10_000),
        ("big", 2**63 - 1),
        ("", "ä\n\x00"),
    ]
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(params(0, *items))
        await runner.reopen()
        await runner.run.conclude(FINISHED)
        await runner.run.close()
    assert page()[NAME].params == {
        "nan": "nan",
        "inf": "-inf",
        "none": "None",
        "long": "x" * MAX_VALUE_CHARACTERS + "...",
        "big": float(2**63),
        "": "ä\n\x00",
    }


async def test_a_session_that_was_torn_off_its_marker_is_written_again(
    sink: TensorBoardSink, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    appended: list[tuple[Path, bytes]] = []
    append = GrowingFile.append

    def logged(self: GrowingFile, data: bytes) -> None:
        appended.append((self.path, data))
        append(self, data)

    monkeypatch.setattr(GrowingFile, "append", logged)
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(params(0, ("lr", 0.1)), scalars(0, 1.0))
        await runner.run.write([scalars(1, 9.0)])
        path, data = appended[-1]
        start = data.index(b"_hparams_")
        whole = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(whole - len(data) + data.index(b'{"v":1', start) + 5)  # in the middle of the marker's text
        assert page()[NAME].params == {"lr": 0.1}
        assert not read_index(path).session().begun
        await runner.reopen()
        await runner.deliver(scalars(1, 9.0, 12.0))
        await runner.run.conclude(FINISHED)
        await runner.run.close()
    assert page() == {NAME: Row({"lr": 0.1}, {"loss": 0.5}, "STATUS_SUCCESS")}


async def test_files_of_the_earlier_version_are_gone_on_with(sink: TensorBoardSink, page: Page) -> None:
    async with opened(sink):
        runner = await Runner(sink).open()
        await runner.deliver(scalars(0, 1.0, 9.0))  # a marker that says nothing of a session, as all did
        await runner.reopen()
        await runner.deliver(params(0, ("lr", 0.1)), scalars(2, 10.0, 19.0))
        await runner.run.close()
    assert page()[NAME].params == {"lr": 0.1}


async def test_readers_that_look_on_see_the_session_when_it_begins_and_when_it_ends(
    sink: TensorBoardSink, tmp_path: Path
) -> None:
    server = DataServer(tmp_path, tmp_path.parent / f"{tmp_path.name}.port")
    multiplexer = EventMultiplexer()

    async def shown(row: Row) -> None:
        multiplexer.AddRunsFromDirectory(str(tmp_path))
        multiplexer.Reload()
        assert read_page(MultiplexerDataProvider(multiplexer, str(tmp_path))) == {NAME: row}
        async with asyncio.timeout(20):
            while read_page(server.provider) != {NAME: row}:
                await asyncio.sleep(0.1)

    try:
        async with opened(sink):
            runner = await Runner(sink).open()
            await runner.deliver(params(0, ("lr", 0.1)), scalars(0, 1.0))
            await runner.reopen()
            await runner.deliver(scalars(1, 9.0, 19.0))
            await shown(Row({"lr": 0.1}, {"loss": 0.5}, "STATUS_UNKNOWN"))
            await runner.run.conclude(FINISHED)
            await shown(Row({"lr": 0.1}, {"loss": 0.5}, "STATUS_SUCCESS"))
            await runner.run.close()
    finally:
        server.close()


def texts(logdir: Path) -> set[str]:
    found = python_provider(logdir).list_tensors(RequestContext(), experiment_id="", plugin_name="text")
    return {tag for tags in found.values() for tag in tags}
