"""Whether a host works at all: a run that shows what another one does is opened in it, and gets one row.

What a run shows could end the client when it is opened, whatever the batch; then no record of the batch is to blame.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sitewire.workers.sinks.partition_lock import LOCK_FOLDER
from sitewire.workers.sinks.threads import in_thread
from sitewire.workers.sinks.wandb.appearance import Appearance
from sitewire.workers.sinks.wandb.batch import Batch, Row
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.index import IndexWriter
from sitewire.workers.sinks.wandb.segment import Segment

_FOLDER: Final = Path(LOCK_FOLDER, "probes")
"""On the disk of the segments, and apart from them: ``wandb sync`` knows nothing of it."""


async def probe(host: HostProcess, place: Path, shown: Mapping[str, Any]) -> None:
    """Return when the host has written a row, and has closed its segment; the segment is removed.

    Args:
        host: that lives.
        place: the sink's directory.
        shown: what is beside the row: arguments of ``Operation.OPEN``.

    Raises:
        SinkUnavailable: it has not.
    """
    folder = place / _FOLDER / secrets.token_hex(8)
    said = {**shown, "dir": str(folder), "id": folder.name, "project": "probe", "next_row": 0}
    try:
        await in_thread(folder.mkdir, parents=True)
        segment = await Segment.open(host, said, IndexWriter(1, {}), 0)
        await segment.write(Batch(last=Row({}, time.time(), [])), Appearance.nothing)
        await segment.commit()
        await segment.leave()
    finally:
        await in_thread(shutil.rmtree, folder, ignore_errors=True)
