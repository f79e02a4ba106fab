"""A process that delivers is set so that its loop has its turn beside a thread that computes.

What that brings, 31 times as many turns on a machine that does nothing else, cannot be told by the clock of a machine
that tests: beside two busy processes each turn waits for a processor as well, and the factor is anything above one.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

SETTINGS: Final = """
import gc, sys
from sitewire.deploy.interpreter import tune_for_delivery

def told():
    print(sys.getswitchinterval(), gc.get_threshold()[0], gc.get_freeze_count())

told()
tune_for_delivery()
told()
"""


def test_a_process_that_delivers_gives_its_loop_its_turn_soon_and_looks_for_cycles_seldom() -> None:
    done = subprocess.run([sys.executable, "-c", SETTINGS], capture_output=True, text=True, timeout=60, check=True)
    before, after = ([float(part) for part in line.split()] for line in done.stdout.splitlines())
    assert after[0] <= before[0] / 10
    assert after[1] >= before[1] * 100
    assert before[2] == 0 < after[2]
