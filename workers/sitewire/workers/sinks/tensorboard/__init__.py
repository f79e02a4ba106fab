"""TensorBoard event files that carry their own index.

Lives here: ``sink`` (importable without the extra), ``run``, and below it ``layout`` (names of files and folders),
``framing`` (records with checksums), ``events`` (a record as an event), ``marker`` (the index), ``session`` (of the
hparams page), ``batch`` (records by file) and ``recovery`` (files back to positions). May be changed here: anything
that still reads files written before. May import: ``sitewire.schemas``, ``sitewire.workers``, tensorboardX, crc32c;
from ``sink`` only lazily.
"""

from __future__ import annotations

from sitewire.workers.sinks.tensorboard.sink import TensorBoardOptions, TensorBoardSink

__all__ = ["TensorBoardOptions", "TensorBoardSink"]
