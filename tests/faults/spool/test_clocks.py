"""The clock is set forward or back, by a day or by twenty years, while a spool is in use."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sitewire.collectors.spool import moment, segment
from sitewire.collectors.spool.directory import HORIZON_SECONDS, WriterDirectory
from sitewire.collectors.spool.reader import Item, SpoolReader
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass
from support.spooled import MakeWriter, acknowledge, read_all
from support.trouble.tape import Tape
from support.trouble.truth import Logger, Truth

DAY = 86400.0
YEARS = 20 * 365 * DAY
NONE = dict.fromkeys(CLASSES, 0)

jumps = pytest.mark.parametrize(
    "jump", [DAY, -DAY, YEARS, -YEARS], ids=["day forward", "day back", "years forward", "years back"]
)


class Clock:
    """Stands in for ``time.time``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def drain(directory: WriterDirectory) -> list[Item]:
    reader = SpoolReader(directory)
    items = read_all(reader)
    acknowledge(reader, items)
    reader.save()
    reader.close()
    return items


@jumps
def test_a_clock_that_jumps_while_a_writer_and_its_reader_work_costs_nothing(
    make_writer: MakeWriter, clock: Clock, jump: float
) -> None:
    tape = Tape()
    logger = Logger(make_writer(), tape)
    reader = SpoolReader(logger.writer.directory)
    items: list[Item] = []
    for nth in range(8):
        for _ in range(4):
            logger.log(RecordClass.MEDIA, 200_000)
        logger.log(RecordClass.SCALARS)
        clock.ahead = jump if nth % 2 else 0.0
        items += read_all(reader)
        acknowledge(reader, items)
        reader.save()
    held = segment.numbers(logger.writer.directory.path)
    assert held[0] == 0  # what is acknowledged stays for ten minutes, by a clock that nobody sets
    logger.finish()
    items += read_all(reader)
    reader.close()
    truth = Truth.of(tape)
    truth.check_end(truth.check(items, NONE, held=held))
    assert 0 < logger.writer.directory.last_written() <= time.time()


@jumps
def test_a_directory_that_was_drained_before_the_clock_jumped_is_removed_when_ten_minutes_have_passed(
    make_writer: MakeWriter, clock: Clock, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    writer = make_writer()
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    writer.finish()
    drain(writer.directory)
    clock.ahead = jump
    assert not writer.directory.expired
    later = moment.uptime() + HORIZON_SECONDS
    monkeypatch.setattr(moment, "uptime", lambda: later)
    with writer.directory.lock_draining():
        writer.directory.remove()


@jumps
def test_the_next_process_reads_on_whatever_its_clock_says(
    make_writer: MakeWriter, clock: Clock, jump: float, tmp_path: Path
) -> None:
    tape = Tape()
    logger = Logger(make_writer(root=tmp_path / "other"), tape)
    logger.log(RecordClass.SCALARS)
    first = drain(logger.writer.directory)
    clock.ahead = jump
    logger.log(RecordClass.SCALARS)
    logger.finish()
    truth = Truth.of(tape)
    truth.check_end(truth.check(first + drain(logger.writer.directory), NONE, held=(0,)))
