"""SIGKILL at random moments of a process whose threads log records of all sizes as fast as they can: none is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sitewire.collectors.spool.policy import DEFAULT_LIMIT_BYTES
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass
from support.notes import NOTE
from support.spooled import identity
from support.trouble import child
from support.trouble.campaign import FULL, SEED, scratch
from support.trouble.examine import examine
from support.trouble.tape import Tape
from support.trouble.truth import Logger, Truth

KILLS = 100 if FULL else 10
LONGEST = 0.25  # seconds from the first record to the kill
SIZES = {RecordClass.SCALARS: (0, 900), RecordClass.MEDIA: (0, 250_000), RecordClass.SYSTEM: (0, 2000)}

Property = Callable[[str, object], None]


def log_for_ever(root: Path, tapes: Sequence[Tape], seed: int, *, mapped: bool) -> None:
    """Log from three threads, to a class each, until killed."""
    writer = SpoolWriter(root, identity(), limit_bytes=DEFAULT_LIMIT_BYTES, mapped=mapped)

    def log(name: RecordClass, tape: Tape) -> None:
        logger, generator = Logger(writer, tape), random.Random(seed)
        while True:
            logger.log(name, generator.randint(*SIZES[name]))

    threads = [threading.Thread(target=log, args=pair) for pair in zip(SIZES, tapes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def killed(root: Path, generator: random.Random) -> Truth:
    """Start one, kill it at a random moment; return what it had been told."""
    tapes = [Tape() for _ in SIZES]
    seed, mapped = generator.randrange(1 << 32), generator.random() < 0.5
    pid = os.fork()
    if not pid:
        try:
            log_for_ever(root, tapes, seed, mapped=mapped)
        finally:
            os._exit(child.FELL)
    deadline = time.monotonic() + child.PATIENCE
    while not all(map(len, tapes)):
        assert time.monotonic() < deadline, "it does not log"
        time.sleep(0.001)
    time.sleep(generator.random() * LONGEST)  # the moment to die at
    os.kill(pid, signal.SIGKILL)
    assert child.wait(pid) == -signal.SIGKILL
    truth = Truth()
    for tape in tapes:
        for entry in tape:
            truth.hear(entry)
        tape.close()
    return truth


@pytest.mark.timeout(1800 if FULL else 120)
def test_a_killed_trainer_leaves_every_record_that_its_calls_returned_from(
    tmp_path: Path, record_property: Property
) -> None:
    print(f"SITEWIRE_TEST_SEED={SEED}")
    generator = random.Random(SEED)
    attempted = accepted = recovered = 0
    with scratch(tmp_path) as folder:
        for number in range(KILLS):
            root = folder / str(number)
            truth = killed(root, generator)
            found = examine(root, truth, dropping=False)
            attempted += sum(len(truth.calls[name]) for name in CLASSES)
            accepted += truth.stored
            recovered += found - truth.stored
            shutil.rmtree(root)
    assert 0 <= recovered <= attempted - accepted <= KILLS * len(SIZES)
    record_property(
        NOTE,
        f"F1: {KILLS} SIGKILLs of a trainer (seed {SEED}): attempted {attempted}, accepted {accepted},"
        f" lost 0, duplicated 0, unexpected 0, recovered {recovered}",
    )
