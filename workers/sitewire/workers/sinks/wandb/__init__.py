"""W&B: rows that carry their index, committed by reading them back.

Lives here: ``sink`` (importable without the extra), ``layout`` (names). May be changed here: anything that still reads
files written before. May import: ``sitewire.schemas``, ``sitewire.workers``, msgpack; wandb's protobuf module when the
sink opens, and wandb itself in the host process only.
"""

from __future__ import annotations

from sitewire.workers.sinks.wandb.sink import WandbOptions, WandbSink

__all__ = ["WandbOptions", "WandbSink"]
