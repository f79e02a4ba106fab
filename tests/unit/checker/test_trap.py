"""The trap catches one process, at the point and the time that were set, and says which."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals

import pytest

from sitewire.workers.point import Point
from support.checker.program import shorten
from support.checker.trap import Trap
from support.product import TESTS, Process, until

PASSES = """
import sys
from pathlib import Path
from sitewire.workers.point import Point
from support.checker.trap import Trap

trap = Trap(Path(sys.argv[1]))
for _ in range(5):
    trap.spring(Point.FETCHED)
    trap.spring(Point.BATCH_TORN)
    print("passed", flush=True)
"""


def walker(folder: Path) -> Process:
    environ = {"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])}
    return Process(folder / "log", [sys.executable, "-c", PASSES, str(folder / "trap")], folder, environ)


@pytest.mark.parametrize("number", [SIGKILL, SIGSTOP])
def test_it_springs_at_the_third_time_and_not_again(tmp_path: Path, number: Signals) -> None:
    trap = Trap.create(tmp_path / "trap")
    trap.set(Point.BATCH_TORN, number, times=3)
    caught = walker(tmp_path)
    until(lambda: caught.halted, lambda: caught.output)
    assert trap.caught == caught.pid
    assert caught.output == "passed\n" * 2
    if number is SIGSTOP:
        caught.send(SIGCONT)
    assert caught.wait() == (0 if number is SIGSTOP else -SIGKILL)
    (tmp_path / "log").unlink()
    assert walker(tmp_path).wait() == 0
    assert trap.caught == caught.pid


def test_one_that_is_not_set_lets_everybody_pass(tmp_path: Path) -> None:
    trap = Trap.create(tmp_path / "trap")
    trap.set(Point.FETCHED, SIGKILL)
    trap.unset()
    assert walker(tmp_path).wait() == 0
    assert trap.caught == 0


def test_a_constant_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError):
        shorten("sitewire.workers.ownership:NO_SUCH_CONSTANT=1")
