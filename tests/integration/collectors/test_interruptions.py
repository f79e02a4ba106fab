"""Threads, and signal handlers that log inside log calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.trainer import Ended, writers

Train = Callable[..., Ended]


def test_eight_threads_that_log_the_first_record_at_once_share_one_writer(train: Train, spool: Path) -> None:
    ended = train(
        """
        import sys, threading
        from sitewire.collectors import Run
        sys.setswitchinterval(1e-6)
        def log(run, together, number):
            together.wait()
            for step in range(5):
                run.log_scalar(f"thread {number}", 1.0, step)
        for attempt in range(50):
            shared = Run(f"job {attempt}"), threading.Barrier(8)
            threads = [threading.Thread(target=log, args=(*shared, number)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        """
    )
    assert ended.code == 0
    found = writers(spool)
    assert len({written.directory.identity.run for written in found}) == len(found) == 50
    for written in found:
        for number in range(8):
            steps = [record.step for record in written.scalars if record.name == f"thread {number}"]
            assert steps == list(range(5))


@pytest.mark.parametrize("first", ["Run()", "SummaryWriter()"])
def test_a_signal_handler_that_logs_inside_log_calls_loses_nothing(train: Train, spool: Path, first: str) -> None:
    ended = train(
        f"""
        import itertools, signal
        from sitewire.collectors import Run
        from sitewire.collectors.tensorboard import SummaryWriter
        handled = itertools.count()     # a handler may interrupt another
        target = {first}
        log = getattr(target, "log_scalar", None) or target.add_scalar
        last = 0
        def handle(*_):
            global last
            last = number = next(handled)
            log("handler", 1.0, number)
            log("", 1.0)
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)     # from before the first record on
        step = 0
        while last < 500:
            log("loop", 1.0, step)
            step += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        run = target if {first == "Run()"} else target._run
        print(next(handled), step, run.refused["name"])
        """
    )
    assert ended.code == 0, ended.err
    handled, looped, refused = map(int, ended.out.split())
    (written,) = writers(spool)
    steps = {name: [record.step for record in written.scalars if record.name == name] for name in ("handler", "loop")}
    assert steps["loop"] == list(range(looped))
    assert sorted(step for step in steps["handler"] if step is not None) == list(range(handled))
    assert refused == handled


def test_an_interrupt_from_the_keyboard_at_any_point_leaves_the_run_usable(train: Train, spool: Path) -> None:
    ended = train(
        """
        import signal
        from sitewire.collectors import Run
        run, interrupts, step, armed = Run(), 0, 0, False
        def interrupt(*_):
            global armed
            if armed:
                armed = False
                raise KeyboardInterrupt
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        while interrupts < 200:
            try:
                while True:
                    armed = True     # again and again: a finalizer may swallow one
                    run.log_scalar("loop", 1.0, step)
                    step += 1
            except KeyboardInterrupt:
                interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        run.log_scalar("after", 1.0)
        print(step)
        """
    )
    assert ended.code == 0, ended.err
    (written,) = [written for written in writers(spool) if written.scalars]
    assert written.scalars[-1].name == "after"
    assert {record.step for record in written.scalars if record.name == "loop"} >= set(range(int(ended.out)))
    assert written.status == "finished"
