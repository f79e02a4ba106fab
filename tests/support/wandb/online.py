"""The sink in online mode at a stand-in, and a writer who tries again, as the worker does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sitewire.schemas.ending import Ending
from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import Temporary, WorkerError
from sitewire.workers.sinks.contract import Delivery, Sink
from sitewire.workers.sinks.testing.runner import Runner, remaining
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink
from sitewire.workers.sinks.wandb.layout import run_id
from support.wandb.expected import entries, expected
from support.wandb.served import as_run
from support.wandb.standin import ServedRun, StandIn

PROJECT = "experiment"
PAUSE = 0.2  # seconds between two attempts


def online_options(standin: StandIn, place: Path) -> dict[str, Any]:
    """Return the keys of a sink of a directory that uploads to a stand-in; JSON only."""
    key = place / "key"
    key.write_text(standin.api_key)
    where = {"base_url": standin.url, "entity": standin.entity, "api_key_file": str(key)}
    return {"dir": str(place / "runs"), "mode": "online", "flush_seconds": 0, **where}


def make_online_sink(standin: StandIn, place: Path) -> Sink:
    """Make a sink of a directory that uploads to a stand-in."""
    return WandbSink.from_options(WandbOptions.model_validate(online_options(standin, place)), place)


class Writer:
    """Writes one run as the worker does: after any error it is closed, opened again, and what is left is written.

    Attributes:
        sink: open.
        key: the run.
        troubles: what failed, in its order.
    """

    def __init__(self, sink: Sink, standin: StandIn, name: str) -> None:
        self.sink = sink
        self.key = RunKey("site", name)
        self.troubles: list[WorkerError] = []
        self._standin = standin
        self._runner = Runner(sink, self.key)
        self._open = False

    @property
    def name(self) -> str:
        """W&B's id of the run."""
        return run_id(self.key)

    @property
    def committed(self) -> int:
        """Indexes that are committed."""
        return sum(at.next for at in self._runner.known.values())

    @property
    def served(self) -> ServedRun:
        """The run at the stand-in."""
        return self._standin.run(PROJECT, self.name)

    async def write(self, *deliveries: Delivery) -> None:
        """Try until the deliveries are committed."""
        await self._insist(lambda: self._deliver(deliveries))

    async def conclude(self, ending: Ending) -> None:
        """Try until the run is concluded."""
        await self._insist(lambda: self._runner.run.conclude(ending))

    async def close(self) -> None:
        """Close the run."""
        if self._open:
            self._open = False
            await self._runner.run.close()

    def holds_exactly(self, records: Sequence[Record]) -> bool:
        """Whether the stand-in has these records, each once, and in this order per name."""
        found, wanted = sorted(entries(as_run(self.served)), key=_by_line), sorted(expected(records), key=_by_line)
        return found == wanted and not self.served.rewritten

    async def _deliver(self, deliveries: Sequence[Delivery]) -> None:
        left = remaining(deliveries, self._runner.run.positions)
        if left:
            await self._runner.deliver(*left)

    async def _insist(self, attempt: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                if not self._open:
                    await self._runner.open()
                    self._open = True
                await attempt()
            except Temporary as error:
                self.troubles.append(error)
                await self.close()
                await asyncio.sleep(PAUSE)
            else:
                return


async def until(condition: Callable[[], bool], seconds: float = 20) -> float:
    """Wait until a condition holds; return the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)
    return time.monotonic() - began


def _by_line(entry: tuple[object, object]) -> str:
    return repr(entry[0])
