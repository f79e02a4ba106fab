"""MLflow as a sink."""

from __future__ import annotations

import importlib
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

_PLACE_MODULE: Final = "sitewire.workers.sinks.mlflow.place"
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
        """Make the store ready: MLflow is imported, files with secrets are read, an SQLite file is made."""
        if self._place is not None:
            msg = f"{self.identity}: is open already"
            raise NotOpen(msg)
        await in_thread(_import_place)
        msg = f"{self.identity}: not built yet"
        raise NotOpen(msg)

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:  # noqa: ARG002  the run's tags know its positions
        """Find the run, if there is one."""
        msg = f"{self.identity}: open the sink first"
        raise NotOpen(msg)

    async def close(self) -> None:
        """Let the store go."""


def _import_place() -> None:
    try:
        importlib.import_module(_PLACE_MODULE)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("sitewire"):
            raise
        raise MissingExtra(MlflowSink.name, error.name) from error
