"""MLflow as a sink."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import MissingExtra, NotOpen
from sitewire.workers.sinks.claims import Claims
from sitewire.workers.sinks.contract import RunSink, Sink, SinkOptions
from sitewire.workers.sinks.mlflow.address import address_of
from sitewire.workers.sinks.mlflow.options import MlflowOptions
from sitewire.workers.sinks.threads import in_thread

if TYPE_CHECKING:
    from sitewire.workers.sinks.mlflow.place import Place
    from sitewire.workers.sinks.mlflow.run import MlflowRun

_MODULES: Final = ("sitewire.workers.sinks.mlflow.place", "sitewire.workers.sinks.mlflow.run")
_HELD: Final = frozenset(Kind)


class MlflowSink(Sink):
    """Runs of an MLflow tracking store. Idempotent: two owners that write the same records write the same rows."""

    name = "mlflow"
    Options: ClassVar[type[SinkOptions]] = MlflowOptions

    def __init__(self, options: MlflowOptions, base: Path) -> None:
        self._options = options
        self._base = base
        self._address = address_of(options.tracking_uri, base)
        self._claims: Claims | None = None
        self._place: Place | None = None
        self.pace = options.flush_seconds

    @classmethod
    def from_options(cls, options: MlflowOptions, base: Path) -> Self:
        """Make the sink of a tracking store."""
        return cls(options, base)

    @property
    def identity(self) -> str:
        """``mlflow:`` and the address."""
        return f"{self.name}:{self._address.uri}"

    def holds(self, kind: Kind) -> bool:
        """Whether the kind has a form in MLflow, or is taken notice of: every kind that there is."""
        return kind in _HELD

    def attach(self, claims: Claims) -> None:
        """Take what says which of MLflow's runs stands for which of ours."""
        self._claims = claims

    async def open(self, partition: int) -> None:  # noqa: ARG002  rows of two owners are the same rows: nothing is locked
        """Make the store ready: MLflow is imported, files with secrets are read, an SQLite file is made.

        A server is not asked anything yet: a tracker that is down is a matter of each run, and of the circuit breaker.
        """
        if self._place is not None:
            msg = f"{self.identity}: is open already"
            raise NotOpen(msg)
        place, _ = await in_thread(_import)
        self._place = await place.open(self._options, self._base)

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:  # noqa: ARG002  the run's tags know its positions
        """Find the run, if there is one."""
        if self._place is None or self._claims is None:
            msg = f"{self.identity}: attach claims, and open the sink first"
            raise NotOpen(msg)
        _, run = await in_thread(_import)
        return await run.open(self._place, self._claims, key, experiment)

    async def close(self) -> None:
        """Let the store go."""
        place, self._place = self._place, None
        if place is not None:
            await place.close()


def _import() -> tuple[type[Place], type[MlflowRun]]:
    try:
        place, run = map(importlib.import_module, _MODULES)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("sitewire"):
            raise
        # Without the extra it is a library of MLflow's that is missed first, and of that nobody has heard.
        what = error.name if importlib.util.find_spec("mlflow") else "mlflow"
        raise MissingExtra(MlflowSink.name, what) from error
    return place.Place, run.MlflowRun
