"""MLflow's server is killed in mid-run: TensorBoard beside it does not notice, and nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from support.behind import behind, tensorboard_counts
from support.checker.mlflow_tracker import mlflow_at
from support.checker.scene import FULL, config_of_routes
from support.checker.tracker import TENSORBOARD
from support.mlflow.server import MlflowServer, mlflow_server
from support.product import Process, Site, Trainer, check_sums, site_in, until

SITES: Final = 8
RATE: Final = 200  # points a second of each site
AWAY: Final = 60.0 if FULL else 8.0  # seconds
BEFORE: Final = 3.0  # seconds of training before the server is killed, and after it is back
MOST_BEHIND: Final = (
    2.0 if FULL else 5.0
)  # seconds, of TensorBoard; the short version shares its cores with other tests
MOST_TO_CATCH_UP: Final = 30.0  # seconds, of MLflow
MOST_MIB: Final = 450  # resident, of the worker: two routes of eight partitions with 2 MiB each, and MLflow's libraries
ENOUGH: Final = 10**9  # points: until told to stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 3 * AWAY)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path / "mlflow") as started:
        yield started


@contextmanager
def eight_sites(here: Site) -> Iterator[list[Trainer]]:
    trainers = [
        here.train(ENOUGH, site=f"site-{number}", run="job", seed=1 + number, rate=RATE) for number in range(SITES)
    ]
    try:
        yield trainers
    finally:
        for trainer in trainers:
            if trainer.process.running:
                trainer.process.kill()


def logged(trainers: list[Trainer]) -> int:
    return sum(trainer.journal.accepted for trainer in trainers)


def in_mlflow(server: MlflowServer, trainers: list[Trainer]) -> int:
    return sum(server.store.count(trainer.site, trainer.run) for trainer in trainers)


def test_tensorboard_does_not_notice_and_mlflow_has_it_all_soon_after(
    tmp_path: Path, server: MlflowServer, note: Callable[[str], None]
) -> None:
    mlflow = mlflow_at(server.url, server.folder / "mlflow.db")
    with site_in(tmp_path / "here", config_of_routes((TENSORBOARD, mlflow))) as here:
        here.start("broker")
        until(lambda: here.run("broker", "apply").returncode == 0, here.logs)
        worker = here.start("worker")
        with eight_sites(here) as trainers, behind(trainers, tensorboard_counts(here.logdir, trainers)) as watched:
            until(lambda: in_mlflow(server, trainers) > SITES * RATE * BEFORE, here.logs)
            before, behind_before = peak(worker), watched.most
            server.kill()
            time.sleep(AWAY)  # what is tested is that nothing happens meanwhile
            behind_away = watched.most
            missing = logged(trainers) - in_mlflow(server, trainers)
            server.start()
            back = time.monotonic()
            due = logged(trainers)
            until(lambda: in_mlflow(server, trainers) >= due, here.logs, 2 * MOST_TO_CATCH_UP)
            seconds = time.monotonic() - back
            until(lambda: logged(trainers) > due + SITES * RATE * BEFORE, here.logs)
            for trainer in trainers:
                trainer.journal.stopping = True
            for trainer in trainers:
                trainer.finish()
            here.drain()
        verdicts = [tracker.judge(here.folder, trainer) for trainer in trainers for tracker in (TENSORBOARD, mlflow)]
        note(
            f"MLflow's server away for {AWAY:g} s under {SITES} x {RATE} records/s: {missing} records behind when it "
            f"was started again, all of them there {seconds:.1f} s after it answered; TensorBoard behind by at most "
            f"{behind_before:.2f} s before, {behind_away:.2f} s until it was started, {watched.most:.2f} s in the end, "
            f"in {watched.looks} looks; the worker's memory {before} MiB before, {peak(worker)} "
            f"MiB at most; {verdicts[0]}"
        )
        assert all(verdict.exact for verdict in verdicts), verdicts
        assert missing > SITES * RATE * AWAY / 2
        assert seconds < MOST_TO_CATCH_UP
        assert watched.most < MOST_BEHIND
        assert peak(worker) < MOST_MIB
        for row in here.rows():
            check_sums(row)
            assert row["state"] == "complete", row


def peak(worker: Process) -> int:
    """Return the most resident memory that a process has had, in MiB."""
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10
