"""The load of NVIDIA FLARE's CIFAR-10 example: two step axes in one run, 900 records a site, and 900 in each tracker.

FLARE's own receiver for W&B keeps 801 of them: W&B drops what is logged below its highest step.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from support.live import folder_of, read_points
from support.mlflow.server import MlflowServer
from support.product import TESTS, Site
from support.three import in_mlflow, in_tensorboard, in_wandb
from support.three.book import Said, read_runs_of
from support.three.trainers.cifar import RECORDS, SITES
from support.wandb.reader import read_runs

ROUNDS: Final = 50
ALL: Final = ROUNDS * RECORDS
JOB: Final = "cifar10"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def said(three: Site) -> Mapping[str, Sequence[Said]]:
    """What each site has said; all of it is delivered."""
    book = three.folder / "cifar.book"
    trainer = three.program(
        [sys.executable, "-m", "support.three.trainers.cifar", str(ROUNDS)],
        site="simulator",
        run=JOB,
        name="cifar",
        PYTHONPATH=str(TESTS),
        ACCEPTANCE_JOURNAL=str(book),
    )
    assert trainer.wait(120) == 0, trainer.output
    three.drain(120)
    return read_runs_of(book)


@pytest.mark.parametrize("site", SITES)
def test_wandb_shows_all_of_them(three: Site, said: Mapping[str, Sequence[Said]], site: str) -> None:
    runs = read_runs(three.folder / "wandb").values()
    (run,) = (run for run in runs if (run.info.run_group, run.info.display_name) == (JOB, site))
    assert [*in_wandb.check(run, site, JOB, said[site])] == []
    assert len(run.points) == ALL == 900
    assert run.definitions["*"].step_metric == "sitewire/step", run.definitions


@pytest.mark.parametrize("site", SITES)
def test_tensorboard_shows_all_of_them(three: Site, said: Mapping[str, Sequence[Said]], site: str) -> None:
    folder = folder_of(three.logdir, site, JOB)
    assert [*in_tensorboard.check(folder, said[site])] == []
    assert sum(map(len, read_points(folder).values())) == ALL


@pytest.mark.parametrize("site", SITES)
def test_mlflow_shows_all_of_them(
    three: Site, server: MlflowServer, said: Mapping[str, Sequence[Said]], site: str
) -> None:
    assert [*in_mlflow.check(server.store.run(site, JOB), site, said[site])] == []
    assert server.store.count(site, JOB) == ALL
