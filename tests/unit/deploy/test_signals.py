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


IMPORTING = """
import os, signal, sys

class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "sitewire.deploy.cli.program":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupted())
from sitewire.deploy.cli.main import main
sys.exit(main(["schema"]))
"""


def test_ctrl_c_while_a_command_imports_its_libraries_ends_it_as_shells_expect_and_says_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_who_has_a_command_ignore_ctrl_c_is_heeded() -> None:
    ignoring = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN){IMPORTING}"
    done = subprocess.run([sys.executable, "-c", ignoring], capture_output=True, text=True, check=False)
    assert done.returncode == 0
