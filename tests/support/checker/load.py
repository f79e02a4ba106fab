"""A load: trainers of two sites, runs in every partition, a live reader for each run, and what became of it all."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sitewire.broker_config.load import load_config
from sitewire.broker_config.names import PARTITIONS
from sitewire.deploy.cli.runs import as_json, fetch
from sitewire.schemas.subject import RunKey
from support.checker.tracker import Tracker
from support.live import LiveReader, data_server, folder_of, watching, watching_served
from support.product import PATIENCE, Site, Trainer, until
from support.stream import partition_of
from support.verdict import NOTHING, Verdict

SITES: Final = ("a", "b. c")
ENOUGH: Final = 10**9  # points: until told to stop
RATE: Final = 2000  # points a second of all runs together
LOOK_INTERVAL: Final = 0.2  # seconds between two looks of a live reader: there is one a run

Row = Mapping[str, Any]


@dataclass
class Finding:
    """What a load has come to.

    Attributes:
        verdict: of all runs in all trackers.
        complaints: of the live readers, and about what ``runs`` says.
    """

    verdict: Verdict = NOTHING
    complaints: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return self.verdict.exact and not self.complaints

    def __str__(self) -> str:
        return "; ".join([str(self.verdict), *self.complaints])


@dataclass
class Load:
    """Trainers that log until the load is ended.

    Attributes:
        site: the folder that they log to.
        trackers: where all of it has to arrive.
        trainers: one for each run; those of a site share a process.
        readers: one for each run.
        finding: once it has ended.
    """

    site: Site
    trackers: Sequence[Tracker]
    trainers: list[Trainer]
    readers: list[LiveReader]
    finding: Finding = field(default_factory=Finding)

    def wait_until_visible(self, more: int) -> None:
        """Wait until the live readers see so many further points of each run."""
        self._wait([reader.points + more for reader in self.readers])

    def wait_until_caught_up(self) -> None:
        """Wait until the live readers see all that is logged by now: whoever died has a successor."""
        self._wait([trainer.journal.accepted for trainer in self.trainers])

    def finish(self) -> None:
        """Have the trainers log no more and end in order."""
        for trainer in self.trainers:
            trainer.journal.stopping = True
        for trainer in self.trainers:
            trainer.finish()

    def judge(self, patience: float = PATIENCE) -> None:
        """Wait until the receipts say that all is done, and compare; what is wrong goes into ``finding``."""
        rows = self._settled(patience)
        for trainer in self.trainers:
            verdicts = [self._compare(tracker, trainer, rows) for tracker in self.trackers]
            first, *others = verdicts
            for other in others:
                first = first.beside(other)
            self.finding.verdict += first

    def complain(self) -> None:
        """Take down what the live readers saw, when they have stopped."""
        for trainer, reader in zip(self.trainers, self.readers, strict=True):
            self.finding.complaints += [f"{trainer.run}: {complaint}" for complaint in reader.complaints]
            if not reader.reads:
                self.finding.complaints.append(f"{trainer.run}: the live reader saw nothing")

    def _wait(self, wanted: Sequence[int]) -> None:
        until(
            lambda: all(reader.points >= count for reader, count in zip(self.readers, wanted, strict=True)),
            lambda: f"{[reader.points for reader in self.readers]} of {wanted} points\n{self.site.logs()}",
        )

    def _settled(self, patience: float) -> Mapping[tuple[str, str, str], Row]:
        """Return the rows of ``runs --json`` by run, site and route, all done if that happens in time."""
        deadline = time.monotonic() + patience
        ours = {(trainer.run, trainer.site) for trainer in self.trainers}
        while True:
            config = load_config(self.site.folder / "sitewire.yaml")
            rows = [as_json(row) for row in asyncio.run(fetch(config)) if (row.run, row.site) in ours]
            done = len(rows) == len(ours) * len(self.trackers) and all(row["state"] in _ENDS for row in rows)
            if done or time.monotonic() > deadline:
                return {(str(row["run"]), str(row["site"]), str(row["route"])): row for row in rows}
            time.sleep(0.05)

    def _compare(self, tracker: Tracker, trainer: Trainer, rows: Mapping[tuple[str, str, str], Row]) -> Verdict:
        verdict = tracker.judge(self.site.folder, trainer)
        row = rows.get((trainer.run, trainer.site, tracker.route))
        if row is None:
            self.finding.complaints.append(f"{trainer.run}: no receipt of {tracker.route}")
            return verdict
        self.finding.complaints += [f"{trainer.run}: {words}" for words in _wrong(row, verdict)]
        return verdict.excusing(row["gaps"])


_ENDS: Final = frozenset({"complete", "short", "crashed"})
_FATES: Final = ("delivered", "filtered", "refused", "dead_letters", "gaps", "pending")
_RUN_RECORDS: Final = 2  # the start of a run and its end: no points, and in every route


def _wrong(row: Row, verdict: Verdict) -> Iterator[str]:
    """Yield what does not hold of a row of ``runs --json`` beside what the tracker has."""
    expected = {
        "state": "short" if row["gaps"] else "complete",
        "logged": verdict.attempted + _RUN_RECORDS,
        "sent": verdict.attempted + _RUN_RECORDS,
        "delivered": verdict.delivered + _RUN_RECORDS,
        "gaps": verdict.lost,
        "pending": 0,
    }
    different = {name: row[name] for name, value in expected.items() if row[name] != value}
    if different:
        yield f"{row['route']} says {different}, and it is { ({name: expected[name] for name in different}) }"
    if row["sent"] != sum(row[name] for name in _FATES) or row["gaps"] != sum(row["holes"].values()):
        yield f"the terms of {row['route']} do not add up: {dict(row)}"


_seeds = itertools.count(1)


@contextmanager
def load(
    site: Site,
    trackers: Sequence[Tracker],
    name: str,
    *,
    rate: int = RATE,
    count: int = ENOUGH,
    served: bool = False,
    patience: float = PATIENCE,
    **variables: str,
) -> Iterator[Load]:
    """Log until the block ends, watched by live readers of TensorBoard; then ``finding`` says what became of it.

    Args:
        site: whose broker takes it.
        trackers: the routes.
        name: of the load, new in this folder; its runs' ids begin with it.
        rate: points a second of all runs together.
        count: points of each run, if it is to end by itself.
        served: watch with TensorBoard's data server instead of its Python reader.
        patience: seconds for the receipts to say that all is done.
        variables: the trainers' environment.
    """
    trainers: list[Trainer] = []
    for number, where in enumerate(SITES):
        runs = list(_runs(where, name, range(number, PARTITIONS, len(SITES))))
        seed = next(_seeds) * PARTITIONS
        trainers += site.train_runs(count, runs, site=where, seed=seed, rate=rate // len(SITES), **variables)
    with ExitStack() as stack:
        stack.callback(_kill, trainers)
        watch = _served(stack.enter_context(data_server(site.logdir))) if served else _reloading
        running = Load(site, trackers, trainers, [stack.enter_context(watch(site, trainer)) for trainer in trainers])
        yield running
        running.finish()
        running.judge(patience)
    running.complain()


def _runs(site: str, name: str, partitions: range) -> Iterator[str]:
    """Yield a run of the site for each of the partitions."""
    for partition in partitions:
        ids = (f"{name}-{number}" for number in itertools.count())
        yield next(run for run in ids if partition_of(RunKey(site, run)) == partition)


def _kill(trainers: Sequence[Trainer]) -> None:
    for trainer in trainers:
        if trainer.process.running:
            trainer.process.kill()


def _reloading(site: Site, trainer: Trainer) -> AbstractContextManager[LiveReader]:
    return watching(folder_of(site.logdir, trainer.site, trainer.run), LOOK_INTERVAL)


def _served(provider: Any) -> Callable[[Site, Trainer], AbstractContextManager[LiveReader]]:
    def watch(site: Site, trainer: Trainer) -> AbstractContextManager[LiveReader]:
        folder = folder_of(site.logdir, trainer.site, trainer.run)
        return watching_served(provider, str(folder.relative_to(site.logdir)), LOOK_INTERVAL)

    return watch
