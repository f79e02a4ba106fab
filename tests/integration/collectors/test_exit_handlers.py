"""A program whose exit handlers fail, whose handler of a signal leaves, or whose threads log on while it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.trainer import Ended, scalars, writers

Train = Callable[..., Ended]

BEFORE = "import atexit\ndef fail(): {end}\natexit.register(fail)\n"  # registered first, so it runs behind ours
LOG_100 = """
from sitewire.collectors import Run
run = Run()
for step in range(100):
    run.log_scalar("loss", 1.0, step)
"""
BEHIND = "import atexit\ndef fail(): {end}\natexit.register(fail)\n"  # registered last, so it runs before ours
ENDS = {
    "raises": "1 / 0",
    "leaves": "raise SystemExit(3)",
    "is interrupted": "raise KeyboardInterrupt",
    "logs and raises": "run.log_scalar('late', 1.0, 0); 1 / 0",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("order", ["before ours", "behind ours"])
def test_an_exit_handler_that_fails_takes_nothing_along(train: Train, spool: Path, order: str, end: str) -> None:
    first, last = (LOG_100, BEHIND) if order == "before ours" else (BEFORE, LOG_100)
    ended = train((first + last).replace("{end}", end))
    assert ended.code == 0
    logged = [step for name, _, step in scalars(spool) if name == "loss"]
    assert logged == list(range(100))
    (written,) = writers(spool)
    assert written.status == "finished"
    assert written.directory.ended


def test_os_exit_in_an_exit_handler_before_ours_leaves_all_that_was_logged(train: Train, spool: Path) -> None:
    ended = train((LOG_100 + BEHIND).replace("{end}", "import os; os._exit(5)"))
    assert ended.code == 5
    assert [step for _, _, step in scalars(spool)] == list(range(100))
    (written,) = writers(spool)
    assert (written.status, written.directory.ended, written.directory.is_alive()) == (None, False, False)


def test_sys_exit_in_a_signal_handler_inside_log_calls_ends_in_order_without_a_hole(train: Train, spool: Path) -> None:
    ended = train(
        """
        import itertools, os, signal, sys, threading, time
        from sitewire.collectors import Run
        run = Run()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
        step = 0
        def end():
            while step < 1000:
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGTERM)
        threading.Thread(target=end).start()
        for step in itertools.count():
            run.log_scalar("loss", 1.0, step)
        """
    )
    assert ended.code == 9
    assert "Traceback" not in ended.err
    steps = [step for _, _, step in scalars(spool)]
    assert len(steps) >= 1000
    assert steps == list(range(len(steps)))
    (written,) = writers(spool)
    assert written.directory.ended


def test_what_daemon_threads_log_while_the_interpreter_ends_is_stored_or_refused(train: Train, spool: Path) -> None:
    ended = train(
        """
        import threading, time
        from sitewire.collectors import Run
        run = Run()
        counts = [0] * 4
        def forever(number):
            while True:
                run.log_scalar(f"thread {number}", 1.0, counts[number])
                counts[number] += 1
        for number in range(4):
            threading.Thread(target=forever, args=(number,), daemon=True).start()
        while min(counts) < 50:
            time.sleep(0.001)
        """
    )
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert "Fatal" not in ended.err
    for number in range(4):
        steps = [step for name, _, step in scalars(spool) if name == f"thread {number}"]
        assert len(steps) >= 50
        assert steps == list(range(len(steps)))
    (written,) = writers(spool)
    assert written.directory.ended
