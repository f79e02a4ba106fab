"""A log call that is interrupted: by a handler that logs, by Ctrl-C, by the end of the run, by a fork."""

from __future__ import annotations

import dis
import functools
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import pytest

from sitewire.collectors.spool import writer as writer_module
from sitewire.collectors.spool.reader import SpoolReader, Stored
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.record import Kind, Record, RecordClass
from support.spooled import SCALARS, MakeWriter, ends, holes, identity, read_all, steps

CHECKS = ("CALL", "RESUME", "JUMP_BACKWARD")
"""Behind these instructions the interpreter looks for signals."""


@functools.cache
def instructions(code: CodeType) -> dict[int, str]:
    return {one.offset: one.opname for one in dis.get_instructions(code)}


class Interrupter:
    """Does something at the ``nth`` place in ``writer.py`` where a signal's handler could run."""

    def __init__(self, nth: int, action: Callable[[], object]) -> None:
        self.left = nth
        self.action = action
        self.done = False
        self._before: dict[FrameType, str] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if self.done or frame.f_code.co_filename != writer_module.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            names = instructions(frame.f_code)
            before = self._before.get(frame, "")
            self._before[frame] = names[frame.f_lasti]
            if before.startswith(CHECKS):
                self.left -= 1
                if self.left < 0:
                    self.done = True
                    self.action()
        return self


def interrupted(call: Callable[[], object], nth: int, action: Callable[[], object]) -> bool:
    """Run the call; whether there was an ``nth`` place to interrupt it at."""
    interrupter = Interrupter(nth, action)
    before = sys.gettrace()
    sys.settrace(interrupter)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupter.done


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def log(writer: SpoolWriter, step: int) -> Callable[[], object]:
    return lambda: writer.append_scalar("a" * 20, 1.0, 1.0, step)


def big(writer: SpoolWriter) -> Callable[[], object]:
    return lambda: writer.append(Record(Kind.TEXT, "t", "x" * 200_000, 1.0))


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])
def test_a_handler_may_log_at_any_place_inside_a_log_call(make_writer: MakeWriter, mapped: bool) -> None:
    writer = make_writer(mapped=mapped)
    expected: list[int] = []
    nth = 0
    while interrupted(log(writer, 2 * nth), nth, log(writer, 2 * nth + 1)):
        expected.append(nth)
        nth += 1
    assert nth > 5
    items = read_all(SpoolReader(writer.directory))
    assert not holes(items)
    assert ends(items) == {SCALARS: 2 * nth + 1}
    assert sorted(steps(items)) == list(range(2 * nth + 1))


def test_a_handler_may_log_while_the_writer_moves_to_its_next_segment(make_writer: MakeWriter) -> None:
    writer = make_writer()
    nth = places = 0
    while nth < 60:
        # Five fill a megabyte: of any six calls one moves on. The place is reached when a call has that many.
        places += interrupted(big(writer), nth % 30, log(writer, nth))
        nth += 1
    items = read_all(SpoolReader(writer.directory))
    assert not holes(items)
    assert ends(items) == {RecordClass.MEDIA: 60, SCALARS: places}
    assert places > 10


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])
@pytest.mark.parametrize("size", [1, 100_000])
def test_ctrl_c_anywhere_leaves_a_writer_that_counts_right(make_writer: MakeWriter, mapped: bool, size: int) -> None:
    writer = make_writer(mapped=mapped)
    reader = SpoolReader(writer.directory)
    items = []
    nth = 0
    for nth in range(80):
        interrupted(lambda: writer.append_scalar("a" * size, 1.0, 1.0, -1), nth % 40, press_ctrl_c)
        items += read_all(reader)
        assert writer.append_scalar("a" * size, 1.0, 1.0, nth)
        items += read_all(reader)
    writer.finish()
    items += read_all(reader)
    reader.close()
    assert [step for step in steps(items) if step >= 0] == list(range(80))
    assert ends(items) == writer.assigned()


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])
def test_ctrl_c_while_the_writer_moves_on_never_splits_its_segments(make_writer: MakeWriter, mapped: bool) -> None:
    nth, reached = 0, True
    while reached:
        writer = make_writer(mapped=mapped)
        reader = SpoolReader(writer.directory)
        while writer._capacity - writer._position > 210_000:
            big(writer)()
        reached = interrupted(big(writer), nth, press_ctrl_c)
        items = read_all(reader)
        for step in range(14):  # a small one would still fit into the segment before
            assert log(writer, step)()
            assert big(writer)()
            items += read_all(reader)
        writer.finish()
        items += read_all(reader)
        reader.close()
        assert ends(items) == writer.assigned()
        assert [item.index for item in items if isinstance(item, Stored) and item.record_class is SCALARS] == list(
            range(14)
        )
        assert sum(hole.count for hole in holes(items)) <= 1
        nth += 1
    assert nth > 10


def test_ctrl_c_while_put_off_records_are_stored_loses_none_of_them(make_writer: MakeWriter) -> None:
    for nth in range(60):
        writer = make_writer()

        def log_then_ctrl_c(writer: SpoolWriter = writer, nth: int = nth) -> None:
            for step in range(3):
                assert log(writer, step)()
            interrupter = Interrupter(nth, press_ctrl_c)
            sys.settrace(interrupter)
            frame: FrameType | None = sys._getframe(1)
            while frame is not None:  # the log call that we are in began before
                frame.f_trace = interrupter
                frame.f_trace_opcodes = True
                frame = frame.f_back

        interrupted(log(writer, 100), 3, log_then_ctrl_c)
        writer.finish()
        items = read_all(SpoolReader(writer.directory))
        assert ends(items) == writer.assigned()
        stored = [step for step in steps(items) if step < 3]
        assert len(stored) + sum(hole.count for hole in holes(items)) >= 3
        assert stored == sorted(set(stored))


def test_the_end_may_come_from_a_handler_inside_a_log_call(make_writer: MakeWriter) -> None:
    nth = 0
    while True:
        writer = make_writer()
        log(writer, 0)()
        reached = interrupted(log(writer, 1), nth, writer.finish)
        if reached:
            assert writer.directory.ended
            assert not writer.directory.is_alive()
        items = read_all(SpoolReader(writer.directory))
        assert ends(items) == writer.assigned()
        assert not holes(items)
        if not reached:
            break
        nth += 1
    assert nth > 5


@contextmanager
def storm(number: int) -> Iterator[None]:
    """Another process sends this one the signal as fast as it can."""
    program = f"import os\nwhile os.getppid() == {os.getpid()}: os.kill({os.getpid()}, {number})"
    sender = subprocess.Popen([sys.executable, "-c", program])
    try:
        yield
    finally:
        sender.kill()
        sender.wait()


def test_a_storm_of_signals_whose_handler_logs_loses_and_doubles_nothing(make_writer: MakeWriter) -> None:
    writer = make_writer()
    handled = itertools.count(1)  # next() is one step: a handler may interrupt a handler
    handlers = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal handlers
        handlers = mine = next(handled)
        assert writer.append_scalar("handler", 1.0, 1.0, -mine)

    before = signal.signal(signal.SIGUSR1, handle)
    count = 0
    try:
        with storm(signal.SIGUSR1):
            while count < 30_000 or handlers < 1000:
                assert writer.append_scalar("main", 1.0, 1.0, count)
                count += 1
    finally:
        signal.signal(signal.SIGUSR1, before)
    items = read_all(SpoolReader(writer.directory))
    assert not holes(items)
    handlers = next(handled) - 1
    assert ends(items) == {SCALARS: count + handlers}
    assert [step for step in steps(items) if step >= 0] == list(range(count))
    assert sorted(steps(items)) == list(range(-handlers, count))


def test_a_storm_of_ctrl_c_leaves_a_writer_that_counts_right(make_writer: MakeWriter) -> None:
    writer = make_writer()
    accepted: list[int] = []
    interruptions = 0
    armed = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with storm(signal.SIGUSR1):
            while interruptions < 1000 or len(accepted) < 1000:
                step = len(accepted)
                stored = False
                try:
                    armed = True
                    stored = writer.append_scalar("a", 1.0, 1.0, step)
                    armed = False
                except KeyboardInterrupt:
                    armed = False
                    interruptions += 1
                if stored:
                    accepted.append(step)
    finally:
        signal.signal(signal.SIGUSR1, before)
    writer.finish()
    items = read_all(SpoolReader(writer.directory))
    assert ends(items) == writer.assigned()
    assert set(accepted) <= set(steps(items))


def test_parent_and_child_log_on_after_a_fork_without_a_word_lost(make_writer: MakeWriter) -> None:
    writer = make_writer()
    root = writer.directory.path.parents[2]
    stop = threading.Event()
    background = 0

    def work() -> None:  # holds the lock at any moment, the fork's included
        nonlocal background
        while not stop.is_set():
            background += writer.append_scalar("thread", 1.0, 1.0, -1)

    thread = threading.Thread(target=work)
    thread.start()
    children = []
    for generation in range(5):
        assert writer.append_scalar("main", 1.0, 1.0, generation)
        child = os.fork()
        if not child:
            code = 1
            try:
                writer.abandon()
                assert not writer.append_scalar("main", 1.0, 1.0, 99)
                writer.finish()
                own = SpoolWriter(root, identity())
                assert all(own.append_scalar("child", 1.0, 1.0, step) for step in range(1000))
                assert SpoolReader(own.directory).read(10)
                assert writer.directory.is_alive()
                own.finish()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert writer.directory.is_alive()
    stop.set()
    thread.join()
    writer.finish()
    items = read_all(SpoolReader(writer.directory))
    assert [step for step in steps(items) if step >= 0] == list(range(5))
    assert ends(items) == {SCALARS: 5 + background}
    from sitewire.collectors.spool.directory import discover

    others = [found for found in discover(root) if found.path != writer.directory.path]
    assert [ends(read_all(SpoolReader(found))) for found in others] == [{SCALARS: 1000}] * 5
