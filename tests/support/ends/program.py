"""A trial's program: ``python -m support.ends.program ENDING SYNTAX LEDGER [LANE]``."""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
from pathlib import Path

from support.ends.endings import PARTS
from support.ends.script import LAST, Script


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # some of these ends would write one
    # Who starts the tests in the background of a shell has SIGINT ignored, and so would every trial.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.register(signal.SIGUSR1)  # where one hangs
    ending, syntax, ledger, *lane = sys.argv[1:]
    script = Script(syntax, Path(ledger), ending)
    if lane:
        script.log(int(lane[0]), LAST)
        script.ends()
    else:
        PARTS[ending].play(script)


if __name__ == "__main__":
    main()
