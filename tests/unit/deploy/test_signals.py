"""The first signal asks, the second one ends the process whatever it is in the middle of."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from sitewire.deploy.cli.signals import STOPPING

BUSY = """
import asyncio, time
from sitewire.deploy.cli.signals import STOPPING, stop_on_signals

def work():
    print("asked", flush=True)
    time.sleep(60)

async def main():
    with stop_on_signals(STOPPING) as stop:
        print("ready", flush=True)
        await stop.wait()
        await asyncio.to_thread(work)

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_wait_for_a_thread(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in ("ready\n", "asked\n"):
            assert process.stdout.readline() == line
            process.send_signal(number)
        assert process.wait(timeout=30) == -number
        assert process.stderr is not None
        assert process.stderr.read() == f"{STOPPING}\n"
