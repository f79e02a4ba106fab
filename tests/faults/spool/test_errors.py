"""A system call fails, once or until the disk recovers: training notices nothing, and what is gone is counted."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sitewire.collectors.spool.directory import discover
from sitewire.collectors.spool.reader import SpoolReader
from support.notes import NOTE
from support.spooled import read_all
from support.trouble import calls
from support.trouble.campaign import FULL, sample, scratch
from support.trouble.child import SURVIVED, play
from support.trouble.examine import check_usable, examine, take_away
from support.trouble.moments import Failure, Trouble
from support.trouble.scenes import Scene
from support.trouble.tape import Tape
from support.trouble.truth import Truth

FAILURES = 4
"""Of a scene, when not all are played."""

TROUBLES = [
    Trouble(errno.EIO),
    Trouble(errno.ENOSPC),
    Trouble(errno.ENOSPC, partly=True),
    Trouble(errno.EIO, lasting=True),
    Trouble(errno.EACCES, lasting=True),
]

pytestmark = [pytest.mark.timeout(3600 if FULL else 120)]

Property = Callable[[str, object], None]


def fail(root: Path, tape: Tape, nth: int, trouble: Trouble, *, mapped: bool) -> tuple[int, int]:
    """Write while the ``nth`` call fails; return the exit code, and how many calls there were."""
    counted = Tape()

    def intercepted() -> None:
        failure = Failure(nth, trouble)

        def mend() -> None:
            failure.over = True

        calls.intercept(failure)
        Scene(root, tape, mapped=mapped, mend=mend).write()
        counted.say(failure.seen)

    code = play(intercepted)
    seen = next(iter(counted), (0,))[0]
    counted.close()
    return code, seen


def check_nothing_begun(root: Path) -> None:
    """Assert that a writer that could not begin has left nothing that anybody would send."""
    for directory in discover(root):  # not even the undoing worked
        assert not directory.is_alive()
        with directory.lock_draining():
            reader = SpoolReader(directory)
            assert read_all(reader) == []
            take_away(directory, reader, [])
    check_usable(root)


@pytest.mark.parametrize("mode", ["mapped", "written"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.label)
def test_a_log_call_sees_no_error_of_the_disk_and_what_was_not_stored_is_counted(
    tmp_path: Path, record_property: Property, trouble: Trouble, mode: str
) -> None:
    played = begun = lost = 0
    with scratch(tmp_path) as folder:
        _, seen = fail(folder / "whole", Tape(), -1, trouble, mapped=mode == "mapped")
        for nth in sample(range(seen), FAILURES):
            root, tape = folder / str(nth), Tape()
            code, _ = fail(root, tape, nth, trouble, mapped=mode == "mapped")
            assert code == SURVIVED, f"call {nth}"
            played += 1
            truth = Truth.of(tape)
            if truth.unavailable:
                check_nothing_begun(root)
                continue
            begun += 1
            lost += sum(call.stored is False for called in truth.calls.values() for call in called)
            examine(root, truth)
            shutil.rmtree(root)
            tape.close()
    assert begun
    record_property(NOTE, f"spool, {trouble.label}, {mode}: {played} calls failed, {lost} records dropped and counted")
