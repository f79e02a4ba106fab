"""A run whose directory is unusable: its neighbours go on as if it were not there, and repaired it catches up."""

from __future__ import annotations

import time

import pytest

from sitewire.schemas.subject import RunKey
from support.live import folder_of, read_points
from support.product import Site, Trainer, check_sums, until
from support.stream import partition_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ENOUGH = 10**9  # points: until told to stop
RATE = 300  # points a second
AS_ALONE = 3.0  # seconds until a point is to be seen, on a busy machine; a partition that waits takes for ever


def neighbour_of(site: str, run: str) -> str:
    """Return a run of the site in the same partition."""
    names = (f"other-{number}" for number in range(1000))
    return next(name for name in names if partition_of(RunKey(site, name)) == partition_of(RunKey(site, run)))


class Pair:
    """Two trainers of one partition; the run ``bad`` has a file where its directory belongs."""

    def __init__(self, here: Site) -> None:
        self.here = here
        self.in_the_way = here.logdir / "bad"
        here.logdir.mkdir()
        self.in_the_way.touch()
        self.bad = here.train(ENOUGH, run="bad", seed=1, rate=RATE)
        self.good = here.train(ENOUGH, run=neighbour_of("clinic", "bad"), seed=2, rate=RATE)

    def repair(self) -> None:
        """Take the file away; once the run is back, its directory is in that place."""
        if self.in_the_way.is_file():
            self.in_the_way.unlink()

    def visible(self, trainer: Trainer) -> int:
        """Points that TensorBoard shows."""
        return sum(map(len, read_points(folder_of(self.here.logdir, trainer.site, trainer.run)).values()))

    def delay(self) -> float:
        """Return the seconds until a point that the good one logs now can be seen."""
        begin, wanted = time.monotonic(), self.good.journal.accepted
        until(lambda: self.visible(self.good) >= wanted, self.here.logs)
        return time.monotonic() - begin

    def finish(self) -> None:
        """End both; all that they logged has to be there, once and in order, and in the books."""
        for trainer in (self.bad, self.good):
            trainer.finish()
        self.here.drain()
        for trainer in (self.bad, self.good):
            assert (verdict := trainer.judge(self.here.logdir)).exact, verdict
        for row in self.here.rows():
            check_sums(row)
            assert (row["state"], row["pending"], row["gaps"]) == ("complete", 0, 0), row

    def parked(self) -> bool:
        """Whether ``status`` names the bad one."""
        return "parked run" in self.here.run("status").stdout


def test_a_run_whose_directory_is_unusable_delays_no_other_and_repaired_it_catches_up_without_a_gap(
    here: Site,
) -> None:
    here.start("up")
    pair = Pair(here)
    until(pair.parked, here.logs)
    assert max(pair.delay() for _ in range(5)) < AS_ALONE
    row = next(row for row in here.rows() if (row["run"], row["route"]) == ("bad", "tb"))
    check_sums(row)
    assert row["pending"], row
    done = here.run("drain", "--timeout", "1")
    assert done.returncode == 1
    assert "bad of clinic is parked: " in done.stderr
    pair.repair()
    until(lambda: pair.visible(pair.bad), here.logs)
    pair.finish()
    assert not pair.parked()
    log = (here.folder / "up.log").read_text()
    assert log.count("parked, and tried again") == log.count("it is back; ") == 1, log


@pytest.mark.parametrize("moment", ["parked", "coming back"])
def test_a_worker_that_is_killed_with_a_run_parked_or_on_its_way_back_loses_and_doubles_nothing(
    here: Site, moment: str
) -> None:
    here.start("broker")
    worker = here.start("worker")
    pair = Pair(here)
    until(pair.parked, here.logs)
    for _ in range(3):
        if moment == "coming back":
            pair.repair()
            time.sleep(0.2)
        worker.kill()
        worker = here.start("worker")
        if moment == "parked":
            assert pair.delay() < 60
    pair.repair()
    until(lambda: pair.visible(pair.bad), here.logs)
    pair.finish()
