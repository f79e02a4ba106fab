"""Whether a host works at all: it is given a run of its own, one row of which has to come into its file."""

from __future__ import annotations

import secrets
import shutil
import time
from pathlib import Path
from typing import Final

from sitewire.workers.sinks.partition_lock import LOCK_FOLDER
from sitewire.workers.sinks.threads import in_thread
from sitewire.workers.sinks.wandb.appearance import Appearance
from sitewire.workers.sinks.wandb.batch import Batch, Row
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.index import IndexWriter
from sitewire.workers.sinks.wandb.segment import Segment

_FOLDER: Final = Path(LOCK_FOLDER, "probes")
"""On the disk of the segments, and apart from them: ``wandb sync`` knows nothing of it."""


async def probe(host: HostProcess, place: Path) -> None:
    """Return when the host has written a row, and has closed its segment; the segment is removed.

    Raises:
        SinkUnavailable: it has not.
    """
    folder = place / _FOLDER / secrets.token_hex(8)
    said = {"dir": str(folder), "id": folder.name, "project": "probe", **Appearance.nothing, "summary": {}}
    try:
        await in_thread(folder.mkdir, parents=True)
        segment = await Segment.open(host, {**said, "next_row": 0}, IndexWriter(1, {}), 0)
        await segment.write(Batch(last=Row({}, time.time(), [])), Appearance.nothing)
        await segment.commit()
        await segment.leave()
    finally:
        await in_thread(shutil.rmtree, folder, ignore_errors=True)
