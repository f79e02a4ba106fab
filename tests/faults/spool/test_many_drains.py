"""Several processes that want to drain one writer; whoever does is killed, or stopped and let go on."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from sitewire.collectors.errors import SpoolBusy
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from support.notes import NOTE
from support.product import Process, Trainer, site_in, until
from support.spooled import SCALARS, end_of, identity
from support.trouble import child
from support.trouble.campaign import FULL, SEED
from support.trouble.tape import Tape
from support.trouble.truth import Logger, Truth

DRAINS = 3
STRIKES = 60 if FULL else 10
ENOUGH = 200_000  # records that a writer is told at most

Property = Callable[[str, object], None]


def drain(path: Path, said: Tape, holder: Tape) -> None:
    """Drain whenever the lock can be had; say what was read, and fail if somebody else is inside too."""
    directory, me = WriterDirectory(path), os.getpid()
    while True:
        with suppress(SpoolBusy), directory.lock_draining():
            holder.put(me)
            reader = SpoolReader(directory)
            while not reader.at_end:
                for item in reader.read(100):
                    said.say(reader.published.get(SCALARS, 0), end_of(item))
                    reader.acknowledge(item.record_class, end_of(item))
                assert holder.held_by == me, "two at once"
                reader.save()
            return
        time.sleep(0.001)


def started(work: Callable[[], None]) -> int:
    pid = os.fork()
    if not pid:
        child.run(work)
    return pid


def have_logged(trainers: Sequence[Trainer], before: Sequence[int]) -> bool:
    """Whether each of them has logged some more."""
    return all(trainer.journal.accepted > count + 300 for trainer, count in zip(trainers, before, strict=True))


def strike(pids: list[int], holder: Tape, generator: random.Random, begin: Callable[[], int]) -> bool:
    """Kill the one that drains, or stop it for a while; whether there was one."""
    pid = holder.held_by
    if pid not in pids:
        return False
    if generator.random() < 0.5:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)  # the others have their chance
        assert holder.held_by == pid, "drained by two"
        os.kill(pid, signal.SIGCONT)
    else:
        os.kill(pid, signal.SIGKILL)
        child.wait(pid)
        pids[pids.index(pid)] = begin()
    return True


@pytest.mark.timeout(1800 if FULL else 120)
def test_of_many_drains_one_at_a_time_reads_on_where_the_last_had_saved(
    tmp_path: Path, record_property: Property
) -> None:
    print(f"SITEWIRE_TEST_SEED={SEED}")
    generator, logged, read, holder, stop = random.Random(SEED), Tape(), Tape(), Tape(), Tape()

    def write() -> None:
        logger = Logger(SpoolWriter(tmp_path / "spool", identity()), logged)
        while not len(stop) and len(logged) < 2 * ENOUGH:
            logger.log(SCALARS)
            time.sleep(0.0005)
        logger.finish()

    writer = started(write)
    until(lambda: len(logged) > 10)
    (directory,) = discover(tmp_path / "spool")
    pids = [started(lambda: drain(directory.path, read, holder)) for _ in range(DRAINS)]
    for _ in range(STRIKES):
        time.sleep(generator.random() * 0.05)  # the moment to strike at
        until(lambda: strike(pids, holder, generator, lambda: started(lambda: drain(directory.path, read, holder))))
    stop.say(1)
    assert child.wait(writer) == child.SURVIVED
    assert [child.wait(pid) for pid in pids] == [child.SURVIVED] * DRAINS
    truth = Truth.of(logged)
    at = again = 0
    for _, end, *_ in read:
        assert end <= at + 1, f"skipped from {at} to {end}"
        again += end <= at
        at = max(at, end)
    assert at == len(truth.calls[SCALARS])
    reader = SpoolReader(directory)
    assert reader.published == reader.assigned == {SCALARS: at}
    reader.close()
    record_property(
        NOTE, f"spool, {DRAINS} drains, {STRIKES} of them killed or stopped: {at} records read, {again} again, lost 0"
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_trainers_thread_sidecars_and_sync_on_one_spool_deliver_each_record_once(
    tmp_path: Path, record_property: Property
) -> None:
    with site_in(tmp_path) as here:
        here.start("up")
        until(lambda: here.run("status").returncode == 0, here.logs)
        alone = here.train(10**9, site="clinic", run="alone", seed=1, rate=800)
        served = here.train(10**9, site="clinic", run="served", seed=2, rate=800, SITEWIRE_PUBLISH="none")

        def begin(name: str) -> Process:
            more = [] if name == "sync" else ["--spool"]
            return here.start(name, *more, str(here.spool), "--url", here.url)

        others = {name: begin(name) for name in ("collect", "sync")}
        for turn in range(8 if FULL else 3):
            seen = [trainer.journal.accepted for trainer in (alone, served)]
            until(partial(have_logged, (alone, served), seen))
            for name, process in others.items():
                if turn % 2:
                    process.send(signal.SIGSTOP)
                    until(partial(getattr, process, "halted"))
                    time.sleep(0.5)  # the others have their chance
                    process.send(signal.SIGCONT)
                else:
                    process.kill()
                    others[name] = begin(name)
        for trainer in (alone, served):
            trainer.finish()
        here.drain()
        verdicts = [trainer.judge(here.logdir) for trainer in (alone, served)]
        assert all(verdict.exact for verdict in verdicts), f"{verdicts}\n{here.logs()}"
    record_property(NOTE, f"spool, a trainer's thread, up, collect and sync at once: {verdicts}")
