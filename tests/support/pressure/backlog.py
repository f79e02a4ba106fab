"""A backlog: what trainers of several sites log while no worker runs, and what it costs to deliver it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final

from sitewire.deploy.accounting import RunRow
from support.config import write_config
from support.pressure.scene import RUN_RECORDS, Scene, check_complete, scene_in, wait_for
from support.pressure.story import Read, event_files, lines
from support.product import Trainer
from support.verdict import Verdict

SITES: Final = ("clinic", "ward", "b. c", "lab/2")
"""The trainers of the first half publish by themselves; those of the others leave it to a sidecar."""

RUNS: Final = 6  # of each site
SINKS: Final = {
    "null": '{type: "null"}',
    "tensorboard": "{type: tensorboard, logdir: runs}",
    "jsonl": "{type: jsonl, dir: lines}",
}
_READS: Final[Mapping[str, tuple[str, Read]]] = {"tensorboard": ("runs", event_files), "jsonl": ("lines", lines)}
_PATIENCE: Final = 1800.0  # seconds for ten million records on a busy machine

# A route there must be; its consumers wait for nobody.
_CONFIG: Final = """\
broker:
  embedded: {{port: {port}, store: store}}
routes:
  idle:
    subjects: ["metrics.nobody.*.>"]
    sink: {{type: "null"}}
"""


@dataclass(frozen=True)
class Stored:
    """The backlog in the broker.

    Attributes:
        trainers: one a run, all of them ended.
        bytes: of the stream.
        messages: of the stream.
        seconds: from the first log call until all was stored.
    """

    trainers: Sequence[Trainer]
    bytes: int
    messages: int
    seconds: float


@dataclass(frozen=True)
class Delivered:
    """The backlog behind one sink.

    Attributes:
        sink: its name.
        seconds: from the start of the worker to the last receipt.
        verdict: from the files of the sink; of ``null``, which keeps nothing, from its receipts.
        growth: MiB of the worker's own pages, the second half of the time over the first.
    """

    sink: str
    seconds: float
    verdict: Verdict
    growth: float


@dataclass(frozen=True)
class Measured:
    """All of it.

    Attributes:
        stored: the backlog.
        delivered: by each sink.
        peaks: MiB by role; each sink's worker is a role of its own.
        own: the same without pages of files.
    """

    stored: Stored
    delivered: Sequence[Delivered]
    peaks: Mapping[str, float]
    own: Mapping[str, float]

    @property
    def verdict(self) -> Verdict:
        """Of all sinks: what is wrong in any is wrong."""
        return reduce(Verdict.beside, (each.verdict for each in self.delivered))

    def __str__(self) -> str:
        stored = self.stored
        rate = self.verdict.accepted / stored.seconds
        parts = [f"{each.sink} in {each.seconds:.1f} s, {each.growth:+.0f} MiB" for each in self.delivered]
        memory = ", ".join(f"{role} {most:.0f} ({self.own[role]:.0f})" for role, most in self.peaks.items())
        return (
            f"a backlog of {stored.messages} messages, {stored.bytes >> 20} MiB, of {len(stored.trainers)} runs at "
            f"{rate:,.0f} records/s: {self.verdict}; caught up: {'; '.join(parts)}; at most (own pages) {memory} MiB"
        )


def measure(folder: Path, records: int, sinks: Sequence[str] = tuple(SINKS)) -> Measured:
    """Have so many records stored, and delivered by one worker for each sink, one after the other, in a new folder.

    Raises:
        AssertionError: a process failed, or what ``runs`` says is not what the trainers' journals say.
    """
    with scene_in(folder, _CONFIG) as scene:
        scene.serve()
        stored = _store(scene, records)
        delivered = [_deliver(scene, stored.trainers, sink) for sink in sinks]
        return Measured(stored, delivered, scene.memory.peaks(), scene.memory.peaks(own=True))


def _store(scene: Scene, records: int) -> Stored:
    sidecar = scene.collect()
    began = time.monotonic()
    trainers = [trainer for number in range(len(SITES)) for trainer in _train(scene, number, records)]
    wait_for(trainers, _PATIENCE)
    scene.until_sent(trainers, _PATIENCE)
    seconds = time.monotonic() - began
    scene.memory.look()
    assert sidecar.stop() == 0, sidecar.output
    stream = scene.stream()
    return Stored(trainers, stream.bytes, stream.messages, seconds)


def _train(scene: Scene, number: int, records: int) -> list[Trainer]:
    names = [f"run-{run}" for run in range(RUNS)]
    variables = {"SITEWIRE_EXIT_TIMEOUT": f"{_PATIENCE:g}"}
    if number >= len(SITES) // 2:
        variables["SITEWIRE_PUBLISH"] = "none"
    count = records // (len(SITES) * RUNS)
    return scene.train(count, names, site=SITES[number], seed=1 + 100 * number, rate=0, **variables)


def _deliver(scene: Scene, trainers: Sequence[Trainer], sink: str) -> Delivered:
    config, role = f"{sink}.yaml", f"worker to {sink}"
    subjects = '["metrics.*.*.>"]'
    text = (
        f'broker: {{url: "{scene.site.url}"}}\nroutes: {{"to-{sink}": {{subjects: {subjects}, sink: {SINKS[sink]}}}}}\n'
    )
    write_config(scene.site.folder, text, config)
    began, since = time.monotonic(), time.time()
    worker = scene.work("-c", config, role=role)
    rows = scene.until_done(len(trainers), config)
    seconds, growth = time.monotonic() - began, scene.memory.growth(role, since, time.time())
    scene.memory.look()
    check_complete(rows, trainers)
    assert worker.stop() == 0, worker.output
    return Delivered(sink, seconds, _verdict(scene, trainers, sink, rows), growth)


def _verdict(scene: Scene, trainers: Sequence[Trainer], sink: str, rows: Sequence[RunRow]) -> Verdict:
    if sink in _READS:
        return scene.judge(trainers, *_READS[sink])
    accepted = sum(trainer.journal.accepted for trainer in trainers)
    delivered = sum(row.delivered - RUN_RECORDS for row in rows)
    return Verdict(accepted, accepted, delivered, max(accepted - delivered, 0), 0, max(delivered - accepted, 0), 0)
