"""Stage 1's trainer in each syntax, to three trackers at once: every pair holds exactly what was said.

What is due comes from the trainers' own journals and the table of decision 0010; what is there from MLflow's tables,
TensorBoard's reader and the ``.wandb`` files.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from support.hparams_page import python_provider, read_page
from support.live import folder_of
from support.mlflow.server import MlflowServer
from support.product import TESTS, Process, Site, check_sums, until
from support.three import in_mlflow, in_tensorboard, in_wandb
from support.three.book import Said, read_runs_of
from support.wandb.reader import Run, read_runs

COUNT: Final = 500  # steps of each trainer
JOBS: Final = {"finished": "job 1/ü", "failed": "job 2"}
SITES: Final = {"tensorboard": "hôpital ../a", "mlflow": "b.*>x", "wandb": "5", "run": "_x% =41"}
PAIRS: Final = [(syntax, ending) for syntax in SITES for ending in JOBS]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Trained:
    """What has been trained, and where it was delivered to.

    Attributes:
        site: the folder; its worker is still there.
        server: MLflow's.
        said: by syntax, ending and run of the program.
        wandb: what is in W&B's directory.
    """

    site: Site
    server: MlflowServer
    said: Mapping[tuple[str, str], Mapping[str, Sequence[Said]]]
    wandb: Sequence[Run]


@pytest.fixture(scope="module")
def trained(three: Site, server: MlflowServer) -> Trained:
    """All trainers at once, while a worker delivers; everything is delivered."""
    trainers = {pair: _start(three, *pair) for pair in PAIRS}
    for (_, ending), trainer in trainers.items():
        assert trainer.wait(120) == (ending == "failed"), trainer.output
    three.drain(120)
    # How a run has ended is shown a moment after all of it was delivered.
    until(lambda: all(run.status != "RUNNING" for run in server.store.runs()), three.logs)
    until(lambda: all(run.exit is not None for run in _wandb(three)), three.logs)
    until(lambda: all(_tensorboard_has_ended(three, *pair) for pair in PAIRS), three.logs)
    said = {pair: read_runs_of(_book(three, *pair)) for pair in PAIRS}
    return Trained(three, server, said, _wandb(three))


@pytest.mark.parametrize(("syntax", "ending"), PAIRS)
def test_mlflow_holds_exactly_what_was_said(trained: Trained, syntax: str, ending: str) -> None:
    stored = trained.server.store.run(SITES[syntax], JOBS[ending])
    assert [*in_mlflow.check(stored, SITES[syntax], trained.said[syntax, ending][""])] == []
    assert stored.parent == trained.server.store.job(JOBS[ending]).id


@pytest.mark.parametrize("ending", JOBS)
def test_a_nested_run_is_nested_in_mlflow(trained: Trained, ending: str) -> None:
    outer, site = trained.server.store.run(SITES["mlflow"], JOBS[ending]), SITES["mlflow"]
    stored = trained.server.store.run(site, f"{JOBS[ending]}-2")
    assert [*in_mlflow.check(stored, site, trained.said["mlflow", ending]["fold 1"])] == []
    assert stored.parent == outer.id


@pytest.mark.parametrize(("syntax", "ending"), PAIRS)
def test_tensorboard_holds_exactly_what_was_said(trained: Trained, syntax: str, ending: str) -> None:
    folder = _folder(trained.site, syntax, ending)
    assert [*in_tensorboard.check(folder, trained.said[syntax, ending][""])] == []


@pytest.mark.parametrize(("syntax", "ending"), PAIRS)
def test_wandb_holds_exactly_what_was_said(trained: Trained, syntax: str, ending: str) -> None:
    said = trained.said[syntax, ending][""]
    known = said[0].value
    shown = known.get("group", JOBS[ending]), known.get("name", SITES[syntax])
    (run,) = (run for run in trained.wandb if (run.info.run_group, run.info.display_name) == shown)
    assert [*in_wandb.check(run, SITES[syntax], JOBS[ending], said)] == []


def test_books_say_that_all_was_delivered(trained: Trained) -> None:
    rows = [row for row in trained.site.rows() if row["run"] in JOBS.values()]
    assert {(row["site"], row["route"]) for row in rows} == {
        (site, route) for site in SITES.values() for route in ("tb", "mlflow", "wandb")
    }
    for row in rows:
        check_sums(row)
        assert (row["sent"], row["state"]) == (row["delivered"], "complete"), row


@pytest.mark.parametrize(("ending", "status"), [("finished", "FINISHED"), ("failed", "FAILED")])
def test_mlflow_shows_a_job_as_its_sites_ended(trained: Trained, ending: str, status: str) -> None:
    assert trained.server.store.job(JOBS[ending]).status == status


def _wandb(here: Site) -> Sequence[Run]:
    return list(read_runs(here.folder / "wandb").values())


def _folder(here: Site, syntax: str, ending: str) -> Path:
    return folder_of(here.logdir, SITES[syntax], JOBS[ending])


def _tensorboard_has_ended(here: Site, syntax: str, ending: str) -> bool:
    """Whether the session of the run's own parameters has an end; one without parameters has no session."""
    row = read_page(python_provider(_folder(here, syntax, ending))).get(".")
    return syntax == "tensorboard" or (row is not None and row.status is not None)


def _start(here: Site, syntax: str, ending: str) -> Process:
    arguments = [sys.executable, "-m", f"support.three.trainers.{syntax}", str(COUNT)]
    book = _book(here, syntax, ending)
    return here.program(
        arguments + ["fail"] * (ending == "failed"),
        site=SITES[syntax],
        run=JOBS[ending],
        name=book.stem,
        PYTHONPATH=str(TESTS),
        ACCEPTANCE_JOURNAL=str(book),
    )


def _book(here: Site, syntax: str, ending: str) -> Path:
    return here.folder / f"{syntax}-{ending}.book"
