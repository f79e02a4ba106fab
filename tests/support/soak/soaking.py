"""A soak from its beginning to its verdict."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from sitewire.broker_config.connection import connect
from sitewire.broker_config.load import load_config
from sitewire.schemas.subject import RunKey
from support.soak.plan import FEW, Plan
from support.soak.rows import NAMES
from support.soak.sampling import Sample, Sampler
from support.soak.stage import Stage, staged
from support.soak.stored import in_mlflow, in_tensorboard, in_wandb, wandb_files
from support.soak.verdict import Logged, judge_stream
from support.verdict import NOTHING, Verdict

_RUN_RECORDS: Final = 2  # a run's start and its end: no points, and in every route
_FATES: Final = ("delivered", "filtered", "refused", "dead_letters", "gaps", "pending")
_PATIENCE: Final = 600.0  # seconds, and as many as were logged: a busy machine catches up late
_READERS: Final = 2  # processes that read at once: as many as the machine has processors


@dataclass
class Soak:
    """What a soak has come to.

    Attributes:
        plan: what it was to be.
        samples: in their order.
        verdicts: of each tracker, over all of its runs.
        complaints: about receipts.
        drained: seconds from the last record until everything was delivered.
        judged: seconds that the readers took.
    """

    plan: Plan
    samples: list[Sample] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    drained: float = 0.0
    judged: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether every tracker has everything once, and the receipts say so."""
        return all(verdict.exact for verdict in self.verdicts.values()) and not self.complaints


async def soak(folder: Path, plan: Plan, stop: asyncio.Event) -> Soak:
    """Run one, in an empty folder, until its time is over or ``stop`` is set; samples go to ``samples.jsonl`` too."""
    done = Soak(plan)
    with staged(folder, plan) as stage:
        await _watch(stage, done, stop)
        ended = time.monotonic()
        await asyncio.to_thread(stage.finish, _PATIENCE + plan.seconds)
        done.drained = time.monotonic() - ended
        rows = await asyncio.to_thread(stage.site.rows)
        logged = [trainer.logged for trainer in stage.trainers]
        database = stage.database
    begun = time.monotonic()
    done.verdicts = await asyncio.to_thread(_judge, folder, database, logged)
    done.judged = time.monotonic() - begun
    done.complaints = _wrong(rows, logged)
    return done


async def _watch(stage: Stage, done: Soak, stop: asyncio.Event) -> None:
    config = await asyncio.to_thread(load_config, stage.site.folder / "sitewire.yaml")
    broker = await connect(config.broker.endpoint, name="soak")
    begin = stage.trainers[0].begin
    try:
        sampler = Sampler(stage, broker, config)
        with (stage.site.folder / "samples.jsonl").open("a") as file:
            while not stop.is_set():
                passed = time.time() - begin
                due = (max(passed, 0.0) // done.plan.interval + 1) * done.plan.interval
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), begin + min(due, done.plan.seconds) - time.time())
                done.samples.append(await sampler.take())
                file.write(json.dumps(done.samples[-1].plain()) + "\n")
                file.flush()
                _check_alive(stage)
                if time.time() >= begin + done.plan.seconds:
                    return
    finally:
        await broker.close()


def _check_alive(stage: Stage) -> None:
    for process in (stage.broker, stage.worker, *stage.jobs):
        assert process.running, f"{process.log} ended: {process.output[-3000:]}"


def _judge(folder: Path, database: Path, logged: Sequence[Logged]) -> dict[str, Verdict]:
    """Read every run of every tracker, one run at a time in each of some processes."""
    files = wandb_files(folder / "wandb")
    readers = {
        "tensorboard": partial(_in_tensorboard, folder / "runs"),
        "wandb": partial(_in_wandb, files),
        "mlflow": partial(_in_mlflow, database),
    }
    verdicts = dict.fromkeys(readers, NOTHING)
    with ProcessPoolExecutor(_READERS, multiprocessing.get_context("spawn")) as pool:
        for tracker, read in readers.items():
            ours = [one for one in logged if tracker != "mlflow" or one.part.run == FEW]
            verdicts[tracker] = sum(pool.map(read, ours), NOTHING)
    return verdicts


def _in_tensorboard(logdir: Path, logged: Logged) -> Verdict:
    return judge_stream(logged, in_tensorboard(logdir, _key(logged)), ordered=True)


def _in_wandb(files: Mapping[RunKey, list[Path]], logged: Logged) -> Verdict:
    return judge_stream(logged, in_wandb(files, _key(logged)), ordered=True)


def _in_mlflow(database: Path, logged: Logged) -> Verdict:
    return judge_stream(logged, in_mlflow(database, _key(logged)), ordered=False)


def _key(logged: Logged) -> RunKey:
    return RunKey(logged.part.site, logged.part.run)


def _wrong(rows: Sequence[Mapping[str, Any]], logged: Sequence[Logged]) -> list[str]:
    """Return what receipts say that is not so, with nobody killed: everything is delivered."""
    due = {(one.part.run, one.part.site): one.accepted * len(NAMES) + _RUN_RECORDS for one in logged}
    routes = {(run, site, route) for run, site in due for route in ("tensorboard", "wandb")}
    routes |= {(run, site, "mlflow") for run, site in due if run == FEW}
    complaints = [f"{row} is of no run of ours" for row in sorted({_whose(row) for row in rows} - routes)]
    complaints += [f"{row} is not there" for row in sorted(routes - {_whose(row) for row in rows})]
    for row in rows:
        count = due.get((row["run"], row["site"]), 0)
        wrong = row["state"] != "complete" or not row["logged"] == row["sent"] == row["delivered"] == count
        if wrong or row["sent"] != sum(row[fate] for fate in _FATES):
            complaints.append(f"{count} were logged, and the receipt says {dict(row)}")
    return complaints


def _whose(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["run"], row["site"], row["route"]
