"""W&B: rows that carry their index, committed by reading them back.

Lives here: ``sink`` and ``run``, importable without the extra. What a run is in W&B: ``layout`` and ``keys`` (names),
``batch`` (records as rows), ``appearance`` (what is beside them), ``index`` (what rows carry). Files back to
positions: ``framing``, ``protobuf``, ``records``, ``recovery``. The client: ``client`` and ``host`` run in a child,
``host_process``, ``hosts`` and ``protocol`` speak to it, ``segment`` is one opening of a run, ``idle`` keeps some open,
``core_lock`` says who still writes. Runs that end the client: ``suspects``, ``solo_hosts``, ``probe``. Online:
``online_run`` and ``uploader`` send the same files' rows by a second client, ``service`` asks what W&B has, ``upload``
notices that it takes no more. May be changed here: anything that
still reads files written before. May import: ``sitewire.schemas``, ``sitewire.workers``, msgpack; wandb in the host
process only.
"""

from __future__ import annotations

from sitewire.workers.sinks.wandb.sink import WandbOptions, WandbSink

__all__ = ["WandbOptions", "WandbSink"]
