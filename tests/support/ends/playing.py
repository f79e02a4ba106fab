"""Running a trial's program, and timing its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from support.ends.endings import ENDINGS
from support.ends.ledger import LANES, Ledger
from support.ends.script import Script
from support.ends.syntaxes import NONE
from support.ends.trial import Outcome, Trial
from support.product import TESTS

START: Final = 120.0  # seconds until a program has logged its first part: some import much, on a busy machine
HANGS: Final = 40.0  # seconds after which it is taken to hang
START_OF_ALL: Final = 3.0  # seconds in which a program that logs nothing has ended
LOOK: Final = 0.005  # seconds between two looks


def play(
    trial: Trial, folder: Path, variables: Mapping[str, str], change: Callable[[], None] = lambda: None
) -> Outcome:
    """Run a trial's program to its end.

    Args:
        trial: which.
        folder: an empty one, for what it writes.
        variables: of its environment.
        change: called once it has logged its first part, and before its end.
    """
    folder.mkdir(parents=True)
    path = folder / "ledger"
    ledger = Ledger.create(path)
    script = Script(trial.syntax, path, trial.ending)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SITEWIRE_")}
    paths = os.pathsep.join(filter(None, (str(TESTS), environ.get("PYTHONPATH"))))
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            script.command(trial.ending),
            cwd=folder,
            env={**environ, **variables, "PYTHONPATH": paths},
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    try:
        _wait(lambda: ledger.ready or process.poll() is not None)
        change()
        ledger.go()
        begun = _disturb(trial, ledger, process)
        code = _exit_code(process)
        ended = time.monotonic()
        if not ENDINGS[trial.ending].signals:  # a child of the program, which ends before, says that it does too
            begun = max(begun, ledger.ended)
        lingered = _wait_for_all(process.pid, begun)
        if code is None or lingered is None:
            _have_them_say_where(process.pid)
        return Outcome(
            code,
            ended - begun,
            lingered,
            (folder / "out").read_text(errors="replace"),
            (folder / "err").read_text(errors="replace"),
            [ledger.lane(number) for number in range(LANES)],
        )
    finally:
        _kill_all(process.pid)
        process.wait()


def alone(trial: Trial, folder: Path) -> Outcome:
    """Run the same program without logging; what disturbs the end of others comes when it is over, or not at all."""
    return play(Trial(trial.number, trial.ending, NONE, late=START_OF_ALL), folder, {})


def _disturb(trial: Trial, ledger: Ledger, process: subprocess.Popen[bytes]) -> float:
    """Send what signals there are, and return when the end began, in seconds of ``time.monotonic``."""
    ending = ENDINGS[trial.ending]
    _wait(lambda: ledger.ended or process.poll() is not None)
    if ending.late:
        time.sleep(trial.late)
    begun = time.monotonic() if (ending.signals and not ending.late) or not ledger.ended else ledger.ended
    # A second signal is to disturb an end that takes time. Without logging it would strike the traceback of the first.
    signals = ending.signals[:1] if trial.syntax == NONE else ending.signals
    for number, sent in enumerate(signals):
        time.sleep(trial.apart if number else 0)
        process.send_signal(sent)  # does nothing if it is gone
    return begun


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    with suppress(subprocess.TimeoutExpired):
        return process.wait(HANGS)
    return None


def _wait_for_all(session: int, begun: float) -> float | None:
    """Wait until the last process of a session is gone; return how long after the beginning of the end that was."""
    deadline = time.monotonic() + HANGS
    while _members(session):
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK)
    return time.monotonic() - begun


def _kill_all(session: int) -> None:
    for pid in _members(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _members(session: int) -> list[int]:
    """Return the processes of a session that live."""
    found = list[int]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                _, _, fields = (entry / "stat").read_text().rpartition(") ")
                state, _, _, of, *_ = fields.split()
                if int(of) == session and state != "Z":
                    found.append(int(entry.name))
    return found


def _have_them_say_where(session: int) -> None:
    """Have what hangs write the stacks of its threads to its standard error."""
    for pid in _members(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)
    time.sleep(1)  # for whoever can


def _wait(condition: Callable[[], object]) -> None:
    """Wait until a program is somewhere; one that hangs before its end is found out by its exit that does not come."""
    deadline = time.monotonic() + START
    while not condition() and time.monotonic() < deadline:
        time.sleep(LOOK)
