"""A sample: what every process uses at one moment, what is on the disk, and how far the trackers are behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.model import Config
from sitewire.deploy.accounting import read_rows
from support.soak.processes import Use, children_of_all, command_of, family, machine_busy, size_of, use_of
from support.soak.rows import NAMES
from support.soak.stage import Stage
from support.soak.visible import Visible

ROLES: Final = (
    ("nats-server", "nats-server"),
    ("wandb-core", "wandb-core"),
    ("wandb.host", "W&B's client"),
    ("soak.trainer", "trainer"),
)
"""What a command line holds, and what its process is called."""


@dataclass
class Sample:
    """One look.

    Attributes:
        at: seconds since the first record was due.
        logged: records that log calls have returned from.
        behind: of each route, records that are logged and in no receipt, which follows a commit by up to a second.
        visible: of each tracker, the age of the newest record that its reader sees, in seconds.
        disk: MiB, by what they are for.
        load: of the machine, the mean of the last minute.
        busy, steal: processor seconds of the whole machine since its start, worked and taken by others.
        processes: what each uses, by role and process id.
    """

    at: float
    logged: int
    behind: dict[str, int]
    visible: dict[str, float]
    disk: dict[str, float]
    load: float
    busy: float
    steal: float
    processes: dict[str, dict[int, Use]] = field(default_factory=dict)

    def plain(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)


class Sampler:
    """Takes samples of a stage."""

    def __init__(self, stage: Stage, broker: Client, config: Config) -> None:
        self._stage = stage
        self._broker = broker
        self._config = config
        self._visible = Visible(stage)

    async def take(self) -> Sample:
        """Look once."""
        processes = dict[str, dict[int, Use]]()
        for role, pid in self._processes():
            if (use := use_of(pid)) is not None:
                processes.setdefault(role, {})[pid] = use
        behind = await self._behind()
        busy, steal = machine_busy()
        return Sample(
            at=round(time.time() - self._stage.trainers[0].begin, 2),
            logged=self._logged(),
            behind=behind,
            visible=self._visible.ages(),
            disk={what: round(size, 1) for what, size in self._disk()},
            load=os.getloadavg()[0],
            busy=busy,
            steal=steal,
            processes=processes,
        )

    def _logged(self) -> int:
        return sum(trainer.journal.accepted for trainer in self._stage.trainers) * len(NAMES)

    async def _behind(self) -> dict[str, int]:
        accepted = {
            (trainer.part.site, trainer.part.run): trainer.journal.accepted * len(NAMES)
            for trainer in self._stage.trainers
        }
        behind = dict[str, int]()
        for row in await read_rows(self._broker, self._config):
            missing = max(accepted[row.site, row.run] - row.delivered, 0)
            behind[row.route] = behind.get(row.route, 0) + missing
        return behind

    def _disk(self) -> Iterator[tuple[str, float]]:
        folder = self._stage.site.folder
        yield "store", size_of(folder / "store")
        yield "spools", sum(size_of(spool) for spool in folder.glob("spool-*"))
        yield "tensorboard", size_of(folder / "runs")
        yield "wandb", size_of(folder / "wandb")
        yield "mlflow", size_of(self._stage.server.folder)

    def _processes(self) -> Iterator[tuple[str, int]]:
        children = children_of_all()
        yield from _named(self._stage.broker.pid, "sitewire broker", children)
        yield from _named(self._stage.worker.pid, "sitewire worker", children)
        for pid in family(self._stage.server.pid, children):
            yield "MLflow's server", pid
        for job in self._stage.jobs:
            yield from _named(job.pid, "a site's job", children)


def _named(root: int, role: str, children: Mapping[int, Sequence[int]]) -> Iterator[tuple[str, int]]:
    yield role, root
    for pid in family(root, children):
        if pid != root:
            command = command_of(pid)
            yield next((name for part, name in ROLES if part in command), f"{role}'s child"), pid
