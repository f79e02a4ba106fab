"""What a sink is: open, write a batch, commit, close."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Stretch
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.claims import Claims


class Outcome(StrEnum):
    """What becomes of the records of a delivery: the terms of ``receipt.Position``."""

    DELIVERED = "delivered"
    """Written, or taken notice of where the sink has no form for the kind."""
    FILTERED = "filtered"
    """Left out by the route's filter: counted, not written."""
    REFUSED = "refused"
    """Of a kind that the sink cannot hold: counted, not written."""
    DEAD_LETTER = "dead_letter"
    """Refused by the tracker for good: counted, not written."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Consecutive indexes of one writer and class that share their fate.

    Attributes:
        key: the numbering.
        stretch: records, or a hole, which counts by its name whatever the outcome says.
        outcome: of the records.
    """

    key: StreamKey
    stretch: Stretch
    outcome: Outcome = Outcome.DELIVERED


class SinkOptions(BaseModel):
    """A sink's keys in the config file. Each field has a description, which ``check`` and the guide show."""

    model_config = ConfigDict(frozen=True, extra="forbid")


MOST_PACE: Final = 10.0
"""Seconds that records may be gathered for: their messages wait unacknowledged, and the broker asks after 30 s."""

FlushSeconds = Annotated[
    float,
    Field(ge=0, le=MOST_PACE, description="Seconds that a run's records are gathered for a batch; 0: each at once."),
]
"""The type of the key ``flush_seconds``, for sinks where a batch is dear; its value is their ``pace``."""


class RunSink(ABC):
    """One (site, run) in a sink. Its caller writes one batch at a time.

    What the caller promises: the deliveries of a batch come in the order of their indexes per key, the
    first exactly at ``positions[key].next``, or anywhere for a key without a position: that index is its
    base. After any exception from ``write`` or ``commit`` it closes the run, opens it again, and writes
    what the positions found then leave over. That is the only repair.
    """

    @property
    @abstractmethod
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed: durable, each record once. Read from the place when the run was opened."""

    @abstractmethod
    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Take a batch. It may become visible to readers, and is not durable before ``commit``.

        Raises:
            Temporary: the place refused; how much of the batch it holds is known after opening again.
            BatchRefused: the tracker will never take some record of it; the caller finds out which by halves.
            Permanent: the place cannot work as it is.
        """

    @abstractmethod
    async def commit(self) -> None:
        """Make every batch written durable and move ``positions``; nothing is committed in part.

        Raises:
            Temporary: the place refused; what it holds is known after opening again.
            BatchRefused: as of ``write``, where the tracker says so only here.
        """

    async def conclude(self, ending: Ending) -> None:  # noqa: B027  what has nothing to close needs no word
        """Show how the run stands: close the tracker's run, or open it again when a new attempt has begun.

        Called between a commit and the next write, when that has changed; durable on return. The same may come
        again (its caller died before it could note it), and a write may follow. What has nothing to close does nothing.

        Args:
            ending: as the accounts of the run's writers have it.

        Raises:
            Temporary: the place refused.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of files and connections. Commits nothing; can be called twice and after any error."""


class Sink(ABC):
    """A destination: a type and a place. One object serves one partition of it at a time.

    Attributes:
        name: the type as the config file writes it.
        pace: seconds that a run's records are gathered before they are written, unless they are many; 0 writes what
            is there at once.
        remembers: whether the place itself gives positions back. Of a sink that does not, they are kept in
            receipts and handed to ``open_run``; a kill between a commit and its receipt counts again.
        Options: the model of its keys in the config file.
    """

    name: ClassVar[str]
    pace: float = 0.0
    remembers: ClassVar[bool] = True
    Options: ClassVar[type[SinkOptions]]

    @classmethod
    @abstractmethod
    def from_options(cls, options: Any, base: Path) -> Self:  # noqa: ANN401  an object of its own ``Options``
        """Make a sink; does no I/O and imports no tracker, so that ``check`` can.

        Args:
            options: the validated keys, an object of ``Options``.
            base: the folder of the config file, which relative paths begin at.
        """

    @property
    @abstractmethod
    def identity(self) -> str:
        """Type and absolute place, such as ``tensorboard:/data/runs``: what progress is keyed by."""

    @abstractmethod
    def holds(self, kind: Kind) -> bool:
        """Whether records of the kind can be delivered; the caller refuses the others and counts them."""

    def attach(self, claims: Claims) -> None:  # noqa: B027  who makes nothing in a tracker has nothing to claim
        """Take what its owners share about the objects of the place; called once, before ``open``."""

    @abstractmethod
    async def open(self, partition: int) -> None:
        """Take the partition of the place, exclusively over all processes and hosts that reach it.

        Raises:
            SinkBusy: somebody else holds it.
            SinkUnavailable: the place cannot be reached.
            MissingExtra: a library is not installed.
        """

    @abstractmethod
    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:
        """Open a run to write to it; what an earlier owner left half-written is accounted for here.

        Args:
            key: the run; its partition must be open.
            experiment: the experiment that the run belongs to.
            known: positions from the receipt; a sink that ``remembers`` pays no attention to them.

        Raises:
            SinkUnavailable: the place cannot be read.
            PlaceUnreadable: it holds progress that this build cannot read.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let the partition go. Its runs are closed before. Can be called twice, and after an ``open`` that failed."""
