"""What is wrong with a trial: against the same program that logs nothing, and against what has arrived."""

from __future__ import annotations

import json
import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from support.ends.endings import ENDINGS
from support.ends.ledger import Lane
from support.ends.trial import Outcome, Trial
from support.lines import read_lines

LIMIT: Final = 5.0
"""Seconds that the end may take, beside what it takes without logging."""

GENERATIONS: Final = 2
"""A child may begin to end when its parent has ended."""

LOST: Final = "lost sys.stderr"
"""What the interpreter says when a signal ends its printing."""

_OURS: Final = re.compile(
    r"sitewire: (\d+ records wait in \S+; they are sent by the next run here, or by: sitewire sync \S+"
    r"|refused \(finished\): .*|.*; sending again until the broker has it"
    r"|.* is not reachable: .*; records wait in the spool|the broker: .*; records wait in the spool until it has them"
    r"|wandb\.init\(\) called while '.*' is active and reinit is 'default': it is returned)\n"
)
"""What we may say: that records wait, and why; what a thread logged when its run had ended; what W&B says too.

A whole line, which may lie in the middle of another: threads write at the same time.
"""

_ALARMING: Final = ("Traceback", "Exception ignored", "Exception in thread", "Fatal", "Error in", "Process ")
_CHANGING: Final = re.compile(r"0x[0-9a-f]+|\d+")


def of_the_end(trial: Trial, outcome: Outcome, alone: Outcome, slack: float) -> Iterator[str]:
    """Yield what is wrong with how it ended; ``slack`` is what a busy machine is given on top, in seconds."""
    if alone.lingered is None:
        yield f"{trial}: a process hangs without logging too, which says nothing of us"
    elif outcome.lingered is None:
        yield f"{trial}: a process hangs"
    elif outcome.lingered - alone.lingered > GENERATIONS * LIMIT + slack:
        yield f"{trial}: the last process out after {outcome.lingered:.2f} s, without logging {alone.lingered:.2f} s"
    if outcome.seconds - alone.seconds > LIMIT + slack:
        yield f"{trial}: out after {outcome.seconds:.2f} s, without logging after {alone.seconds:.2f} s"
    if ENDINGS[trial.ending].late and outcome.code == -signal.SIGINT:
        return  # it came before the end had really begun, or when the interpreter was nearly gone: as it may without us
    if outcome.code != alone.code:
        yield f"{trial}: exit code {outcome.code}, without logging {alone.code}: {outcome.err[-2000:]}"
    if outcome.out != alone.out:
        yield f"{trial}: standard output {outcome.out!r}, without logging {alone.out!r}"
    yield from (f"{trial}: on standard error, and not without logging: {line}" for line in _said(trial, outcome, alone))


def _said(trial: Trial, outcome: Outcome, alone: Outcome) -> Iterator[str]:
    ending = ENDINGS[trial.ending]
    if ending.nowhere:
        return  # where the stack ends is chance, and so is how many errors follow from one another
    if LOST in outcome.err:
        return  # the second signal struck the interpreter while it printed what the first had done
    yield from unwanted(outcome.err, alone.err)


def unwanted(err: str, alone: str) -> Iterator[str]:
    """Yield the lines of standard error that a user would not want; places in the code are no lines of their own."""
    known = Counter(_shape(line) for line in alone.splitlines() if not line.startswith((" ", "sitewire: ")))
    for line in _OURS.sub("", err).splitlines():
        if line.startswith(" ") or not line.strip():
            continue
        if known[_shape(line)] > 0:
            known[_shape(line)] -= 1
        else:
            yield line
    for line in known.elements():
        if line.startswith(_ALARMING):
            yield f"missing: {line}"


def of_what_arrived(trial: Trial, outcome: Outcome, folder: Path, row: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield what is wrong with what a run's files hold, and with what ``runs --json`` says of it."""
    found = Counter((name, point.value) for name, point in read_lines(folder))
    for number, lane in enumerate(outcome.lanes):
        yield from (f"{trial}: lane {number}: {wrong}" for wrong in _of_lane(f"lane-{number}", lane, found))
    if row is None:
        yield f"{trial}: `runs` does not know it"
        return
    ending = ENDINGS[trial.ending]
    # A Ctrl-C inside a log call may cost the index that it had taken: a hole, and no call that has returned.
    cut_off = int(signal.SIGINT in ending.signals and row["gaps"] == 1)
    state = "short" if cut_off else ending.state
    if row["state"] != state:
        yield f"{trial}: it is {row['state']}, not {state}"
    if row["gaps"] > cut_off or row["dead_letters"] or row["refused"] or row["pending"]:
        yield f"{trial}: its receipt says that something is missing: {dict(row)}"
    ended = folder / "ending.json"
    closed = json.loads(ended.read_text())["state"] if ended.exists() else "not closed"
    if closed != ending.ended:
        yield f"{trial}: the tracker's run is {closed}, not {ending.ended}"


def _of_lane(name: str, lane: Lane, found: Mapping[tuple[str, float], int]) -> Iterator[str]:
    there = {int(value): count for (of, value), count in found.items() if of == name}
    if lost := [number for number in range(lane.sure) if number not in there]:
        yield f"{len(lost)} of {lane.sure} lost, the first is {lost[0]}"
    if twice := [number for number, count in there.items() if count > 1]:
        yield f"{len(twice)} are there twice, the first is {twice[0]}"
    if never := [number for number in there if number >= lane.attempted]:
        yield f"{len(never)} are there and never were logged"
    if there and len(there) != max(there) + 1:
        yield f"of {max(there) + 1} some in the middle are missing: {len(there)} are there"


def spread(seconds: Sequence[float]) -> str:
    """Return a distribution for people."""
    ordered = sorted(seconds) or [0.0]
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.9, 0.99, 1.0)]
    return "p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, most {:.2f} s".format(*at)


def _shape(line: str) -> str:
    """Return a line without what changes from run to run: addresses, process ids, line numbers."""
    return _CHANGING.sub("#", line)
