"""A run that is uploaded to W&B, from the trainer on, while the service refuses it."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.wandb.layout import run_id
from support.points import Point, float32
from support.product import Site, check_sums, site_in, until
from support.wandb.served import as_run
from support.wandb.standin import Fault, ServedRun, StandIn, Where

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CONFIG = """\
broker:
  embedded: {{port: {port}, store: store}}
collect: {{spool: spool}}
routes:
  board:
    subjects: ["metrics.*.*.>"]
    sink: {{type: wandb, dir: runs, mode: online, base_url: URL, entity: ENTITY, api_key_file: key}}
"""


def test_an_upload_that_the_service_refuses_is_in_status_and_whole_once_it_is_taken(tmp_path: Path) -> None:
    with StandIn() as service, _site(tmp_path, service) as here:
        here.start("up")
        trainer = here.train(1500, rate=150)
        until(lambda: _served(service), here.logs)
        name = run_id(RunKey("clinic", "job"))
        service.faults.add(Fault(Where.FILE_STREAM, name, 403))
        until(lambda: "the upload to W&B has stopped" in _status(here), here.logs)
        service.faults.clear()
        assert trainer.process.wait() == 0, trainer.process.output
        here.drain()
        run = _served(service)
        assert run is not None
        until(lambda: run.state == "finished", here.logs)  # `drain` waits for the files; the service is behind them
        assert trainer.compare(_found(run)).exact
        assert run.rewritten == 0
        until(lambda: "the upload to W&B has stopped" not in _status(here), here.logs)
        (row,) = here.rows()
        check_sums(row)
        assert row["state"] == "complete"
        assert service.api_key not in here.logs()


def _site(folder: Path, service: StandIn) -> AbstractContextManager[Site]:
    folder.joinpath("here").mkdir()
    folder.joinpath("here", "key").write_text(service.api_key)
    return site_in(folder / "here", CONFIG.replace("URL", service.url).replace("ENTITY", service.entity))


def _status(here: Site) -> str:
    return json.dumps(json.loads(here.run("status", "--json").stdout or "null"))


def _served(service: StandIn) -> ServedRun | None:
    return next((run for run in service.runs.all() if run.history), None)


def _found(run: ServedRun) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in as_run(run).points:
        found.setdefault(point.name, []).append(Point(point.step or 0, float32(point.value), point.time))
    return found
