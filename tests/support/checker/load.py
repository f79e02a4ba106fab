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
from support.live import LiveReader, data_server, folder_of, watching_served, watching_with
from support.product import PATIENCE, Site, Trainer
from support.stream import partition_of
from support.verdict import NOTHING, Verdict

SITES: Final = ("a", "b. c")
ENOUGH: Final = 10**9  # points: until told to stop
MOST_RUNS: Final = 100  # of a load: each has a seed of its own
NO_VARIABLES: Final[Mapping[str, str]] = {}
MOST_SHOWN: Final = 4  # complaints of a finding in its line
LOOK_INTERVAL: Final = 0.25  # seconds between two looks of a live reader: there is one a run

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
        more = len(self.complaints) - MOST_SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        return "; ".join([str(self.verdict), *self.complaints[:MOST_SHOWN], *rest])


@dataclass
class Load:
    """Trainers that log until the load is ended.

    Attributes:
        site: the folder that they log to.
        trackers: where all of it has to arrive.
        trainers: one for each run; those of a site share a process.
        readers: of the first runs, mostly of all.
        patience: seconds for what is waited for; what does not come until then is a complaint.
        rows: what ``runs --json`` says of them, once it has ended.
        finding: once it has ended.
    """

    site: Site
    trackers: Sequence[Tracker]
    trainers: list[Trainer]
    readers: list[LiveReader]
    patience: float
    rows: Sequence[Row] = ()
    finding: Finding = field(default_factory=Finding)

    def wait_until_visible(self, more: int) -> None:
        """Wait until the live readers see so many further points of each run."""
        self._wait([reader.points + more for reader in self.readers])

    def wait_until_caught_up(self) -> None:
        """Wait until the live readers see all that is logged by now: whoever died has a successor."""
        self._wait([trainer.journal.accepted for trainer in self.trainers[: len(self.readers)]])

    def wait_until_logged(self, more: int) -> None:
        """Wait until each trainer has logged so many further points."""
        wanted = [trainer.journal.accepted + more for trainer in self.trainers]
        self._wait_for(lambda: [trainer.journal.accepted for trainer in self.trainers], wanted, "logged")

    def wait_until_trained(self) -> None:
        """Wait for trainers that end by themselves."""
        for trainer in self.trainers:
            assert trainer.process.wait() == 0, trainer.process.output

    def finish(self) -> None:
        """Have the trainers log no more and end in order."""
        for trainer in self.trainers:
            trainer.journal.stopping = True
        for trainer in self.trainers:
            trainer.finish()

    def judge(self) -> None:
        """Wait until the receipts say that all is done, and compare; what is wrong goes into ``finding``."""
        rows = self._settled()
        self.rows = list(rows.values())
        for trainer in self.trainers:
            verdicts = [self._compare(tracker, trainer, rows) for tracker in self.trackers]
            first, *others = verdicts
            for other in others:
                first = first.beside(other)
            self.finding.verdict += first

    def complain(self) -> None:
        """Take down what the live readers saw, when they have stopped."""
        for trainer, reader in zip(self.trainers, self.readers, strict=False):
            self.finding.complaints += [f"{trainer.label}: {complaint}" for complaint in reader.complaints]
            if not reader.reads:
                self.finding.complaints.append(f"{trainer.label}: the live reader saw nothing")

    def _wait(self, wanted: Sequence[int]) -> None:
        self._wait_for(lambda: [reader.points for reader in self.readers], wanted, "visible")

    def _wait_for(self, counts: Callable[[], Sequence[int]], wanted: Sequence[int], what: str) -> None:
        deadline = time.monotonic() + self.patience
        while any(there < count for there, count in zip(counts(), wanted, strict=True)):
            if time.monotonic() > deadline:
                words = f"after {self.patience:g} s {list(counts())} points are {what}, not {list(wanted)}"
                self.finding.complaints.append(words)
                return
            time.sleep(0.01)

    def _settled(self) -> Mapping[tuple[str, str, str], Row]:
        """Return the rows of ``runs --json`` by run, site and route, all done if that happens in time."""
        deadline = time.monotonic() + self.patience
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
            self.finding.complaints.append(f"{trainer.label}: no receipt of {tracker.route}")
            return verdict
        self.finding.complaints += [f"{trainer.label}: {words}" for words in _wrong(row, verdict)]
        return verdict.excusing(row["gaps"] + row["dead_letters"])


_ENDS: Final = frozenset({"complete", "short", "crashed"})
_FATES: Final = ("delivered", "filtered", "refused", "dead_letters", "gaps", "pending")
_RUN_RECORDS: Final = 2  # the start of a run and its end: no points, and in every route


def _wrong(row: Row, verdict: Verdict) -> Iterator[str]:
    """Yield what does not hold of a row of ``runs --json`` beside what the tracker has."""
    named = row["gaps"] + row["dead_letters"]
    # A spool that lets go of its oldest records may let go of the run's start too.
    unseen = min(max(named - verdict.lost, 0), _RUN_RECORDS)
    expected = {
        "state": "short" if named else "complete",
        "logged": verdict.attempted + _RUN_RECORDS,
        "sent": verdict.attempted + _RUN_RECORDS,
        "delivered": verdict.delivered + _RUN_RECORDS - unseen,
        "gaps": verdict.lost + unseen - row["dead_letters"],
        "pending": 0,
    }
    for name, value in expected.items():
        if row[name] != value:
            yield f"{row['route']}: {name} is {row[name]}, not {value}"
    if row["sent"] != sum(row[name] for name in _FATES) or row["gaps"] != sum(row["holes"].values()):
        yield f"{row['route']}: the terms do not add up: {dict(row)}"


_seeds = itertools.count(1)


@contextmanager
def load(
    site: Site,
    trackers: Sequence[Tracker],
    name: str,
    *,
    rate: int | None = None,
    count: int = ENOUGH,
    served: bool = False,
    patience: float = PATIENCE,
    runs: int | None = None,
    watched: int = MOST_RUNS,
    variables: Mapping[str, str] = NO_VARIABLES,
) -> Iterator[Load]:
    """Log until the block ends, watched by live readers of the first tracker; then ``finding`` says what became of it.

    Args:
        site: whose broker takes it.
        trackers: the routes.
        name: of the load, new in this folder; its runs' ids begin with it.
        rate: points a second of all runs together; 0 is as fast as they can, none what the slowest tracker takes.
        count: points of each run, if it is to end by itself.
        served: watch TensorBoard with its data server instead of its Python reader.
        patience: seconds for what is waited for.
        runs: how many, one in each partition, then a second one; none for what the slowest tracker takes.
        watched: how many of them a live reader looks at; a load for its own sake is too much to be read twice.
        variables: the trainers' environment.
    """
    keys = run_keys(name, min(tracker.runs for tracker in trackers) if runs is None else runs)
    trainers: list[Trainer] = []
    whole = min(tracker.rate for tracker in trackers) if rate is None else rate
    for where in dict.fromkeys(key.site for key in keys):
        ids = [key.run for key in keys if key.site == where]
        share = whole * len(ids) // len(keys)
        trainers += site.train_runs(count, ids, site=where, seed=next(_seeds) * MOST_RUNS, rate=share, **variables)
    with ExitStack() as stack:
        stack.callback(_kill, trainers)
        served_by = _served(stack.enter_context(data_server(site.logdir))) if served else None
        watch = served_by or _watching(trackers[0])
        readers = [stack.enter_context(watch(site, trainer)) for trainer in trainers[:watched]]
        running = Load(site, trackers, trainers, readers, patience)
        yield running
        running.finish()
        running.judge()
    running.complain()


def run_keys(name: str, runs: int = PARTITIONS) -> list[RunKey]:
    """Return the runs of a load: sites by turns, partitions one after another."""
    ids = [iter(f"{name}-{number}" for number in itertools.count()) for _ in SITES]
    return [_next_in(number % PARTITIONS, SITES[number % 2], ids[number % 2]) for number in range(runs)]


def _next_in(partition: int, site: str, ids: Iterator[str]) -> RunKey:
    return next(key for run in ids if partition_of(key := RunKey(site, run)) == partition)


def _kill(trainers: Sequence[Trainer]) -> None:
    for trainer in trainers:
        if trainer.process.running:
            trainer.process.kill()


_Watch = Callable[[Site, Trainer], AbstractContextManager[LiveReader]]


def _watching(tracker: Tracker) -> _Watch:
    return lambda site, trainer: watching_with(
        tracker.watched(site.folder, RunKey(trainer.site, trainer.run)), LOOK_INTERVAL
    )


def _served(provider: Any) -> _Watch:
    def watch(site: Site, trainer: Trainer) -> AbstractContextManager[LiveReader]:
        folder = folder_of(site.logdir, trainer.site, trainer.run)
        return watching_served(provider, str(folder.relative_to(site.logdir)), LOOK_INTERVAL)

    return watch
