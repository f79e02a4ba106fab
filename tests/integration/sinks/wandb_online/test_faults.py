"""What happens to a run, and to its neighbours, when the service refuses, fails, waits, hangs or is gone."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.workers.errors import PlaceDown, Throttled
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.testing.runner import Runner
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, stream
from sitewire.workers.sinks.wandb.upload import UploadStopped
from sitewire.workers.sinks.wandb.uploader import FilesLost
from support.wandb.online import PROJECT, Writer, until
from support.wandb.standin import Fault, StandIn, Where

pytestmark = pytest.mark.asyncio(loop_scope="module")

A = stream(1)
BATCHES = [scalars(A, first, first + 5) for first in range(0, 100, 5)]
DONE = Ending(EndingState.FINISHED, 1, BEGIN + 1000)


async def _write_on(writer: Writer, first: int, end: int) -> None:
    """Write some batches as a run does that logs now and then."""
    for batch in BATCHES[first:end]:
        await writer.write(batch)
        await asyncio.sleep(0.2)


async def _end(writer: Writer, batches: int) -> None:
    """Conclude a run, and see that the service has all of it."""
    await writer.conclude(DONE)
    await writer.close()
    assert writer.holds_exactly(records_of(BATCHES[:batches]))
    assert writer.served.state == "finished"


async def test_an_upload_that_one_refusal_has_stopped_is_noticed_within_seconds_and_repaired(
    sink: Sink, standin: StandIn
) -> None:
    async def meet(status: int) -> None:
        writer = Writer(sink, standin, f"refused-{status}")
        await writer.write(BATCHES[0])
        refused = standin.faults.add(Fault(Where.FILE_STREAM, writer.name, status, times=1))
        await _write_on(writer, 1, 10)
        await _end(writer, 10)
        assert refused.met == 1
        assert [type(error) for error in writer.troubles] == [UploadStopped]
        assert str(status) in str(writer.troubles[0])

    await asyncio.gather(*map(meet, (400, 401, 403, 404, 409, 413)))


async def test_a_run_that_the_service_refuses_for_a_while_is_in_trouble_all_that_time_and_alone(
    sink: Sink, standin: StandIn
) -> None:
    writer, neighbour = Writer(sink, standin, "long"), Writer(sink, standin, "neighbour")
    await writer.write(BATCHES[0])
    standin.faults.add(Fault(Where.FILE_STREAM, writer.name, 403))
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(_write_on(writer, 1, 12))
        await until(lambda: len(writer.troubles) >= 1)
        committed = writer.committed
        await until(lambda: len(writer.troubles) >= 3)
        assert writer.committed == committed
        began = time.monotonic()
        await neighbour.write(BATCHES[0])
        assert time.monotonic() - began < 2
        assert not writing.done()
        standin.faults.clear()
    assert {type(error) for error in writer.troubles} == {UploadStopped}
    await _end(writer, 12)
    await _end(neighbour, 1)
    assert not neighbour.troubles


async def test_an_end_that_the_service_refuses_is_told_again_until_it_is_taken(sink: Sink, standin: StandIn) -> None:
    writer = Writer(sink, standin, "end")
    await writer.write(BATCHES[0])
    standin.faults.add(Fault(Where.FILE_STREAM, writer.name, 403, times=2))
    await _end(writer, 1)
    assert writer.troubles


FORGIVEN = {
    "fails-and-has-taken-it": Fault(Where.FILE_STREAM, status=500, times=2, applied=True),
    "asks-for-patience": Fault(Where.FILE_STREAM, status=429, times=1, retry_after=2),
    "is-slow": Fault(Where.FILE_STREAM, seconds=0.3),
    "answers-slowly": Fault(Where.GRAPHQL, seconds=0.3),
    "takes-no-files": Fault(Where.UPLOAD, status=403),
}


async def test_a_service_that_takes_it_in_the_end_is_no_trouble(sink: Sink, standin: StandIn) -> None:
    async def meet(name: str, fault: Fault) -> None:
        writer = Writer(sink, standin, name)
        met = standin.faults.add(replace(fault, run=writer.name))
        await _write_on(writer, 0, 5)
        await _end(writer, 5)
        assert met.met, name
        assert not writer.troubles, name

    await asyncio.gather(*(meet(name, fault) for name, fault in FORGIVEN.items()))


@pytest.mark.usefixtures("impatient")
async def test_a_run_whose_requests_hang_is_in_trouble_alone_and_whole_when_they_are_answered(
    sink: Sink, standin: StandIn
) -> None:
    writer, neighbour = Writer(sink, standin, "hangs"), Writer(sink, standin, "beside")
    await writer.write(BATCHES[0])
    standin.faults.add(Fault(Where.FILE_STREAM, writer.name, hangs=True))
    async with asyncio.TaskGroup() as group:
        group.create_task(_write_on(writer, 1, 12))
        group.create_task(_write_on(neighbour, 0, 12))
        await until(lambda: bool(writer.troubles))
        standin.faults.clear()
    assert all(isinstance(error, UploadStopped) for error in writer.troubles)
    assert not neighbour.troubles
    await _end(writer, 12)
    await _end(neighbour, 12)


@pytest.mark.usefixtures("impatient")
async def test_a_service_that_goes_down_and_comes_back_gets_each_record_once(sink: Sink, standin: StandIn) -> None:
    writer = Writer(sink, standin, "down")
    await writer.write(BATCHES[0])
    await until(lambda: len(writer.served.history) == 5)
    standin.stop()
    async with asyncio.TaskGroup() as group:
        group.create_task(_write_on(writer, 1, 12))
        await until(lambda: len(writer.troubles) >= 2)
        standin.start()
    assert all(isinstance(error, PlaceDown) for error in writer.troubles)
    await _end(writer, 12)


async def test_a_service_that_is_down_is_the_places_trouble_at_once_when_a_run_is_opened(
    sink: Sink, standin: StandIn
) -> None:
    writer = Writer(sink, standin, "early")
    standin.stop()
    began = time.monotonic()
    with pytest.raises(PlaceDown, match="refused"):
        await Runner(sink, writer.key).open()
    assert time.monotonic() - began < 2
    standin.start()
    await writer.write(BATCHES[0])
    await _end(writer, 1)


async def test_a_run_is_closed_within_seconds_though_the_service_is_down_and_whole_when_it_is_opened(
    sink: Sink, standin: StandIn
) -> None:
    writer = Writer(sink, standin, "closing")
    await writer.write(BATCHES[0])
    standin.stop()
    began = time.monotonic()
    await writer.close()
    assert time.monotonic() - began < 10
    standin.start()
    again = await Runner(sink, writer.key).open()  # which is enough to send what is missing
    assert writer.holds_exactly(records_of(BATCHES[:1]))
    await again.run.close()


async def test_a_service_that_asks_for_patience_says_how_long(sink: Sink, standin: StandIn) -> None:
    writer = Writer(sink, standin, "throttled")
    standin.faults.add(Fault(Where.GRAPHQL, writer.name, 429, times=1, retry_after=7))
    with pytest.raises(Throttled) as caught:
        await Runner(sink, writer.key).open()
    assert caught.value.seconds == 7


async def test_rows_of_the_service_that_the_files_do_not_hold_are_not_written_over(
    sink: Sink, standin: StandIn
) -> None:
    writer = Writer(sink, standin, "lost")
    standin.runs.upsert(PROJECT, writer.name, {})
    writer.served.write("wandb-history.jsonl", 0, ['{"_step": 0}', '{"_step": 1}'])
    with pytest.raises(FilesLost, match="W&B has 2 rows, and the files hold 0"):
        await Runner(sink, writer.key).open()
