"""How a run stands, in a file of its own: ``ending.json``, replaced in one step.

``{"state", "attempt", "time"}``, strict JSON; the time as in the lines. Not there while the first attempt runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from sitewire.schemas.ending import Ending
from sitewire.workers.errors import os_errors_as_ours
from sitewire.workers.sinks.files import make_folders, sync_folder
from sitewire.workers.sinks.jsonl.lines import iso_time

FILE: Final = "ending.json"
_DRAFT: Final = f".{FILE}"


def write_ending(folder: Path, ending: Ending) -> None:
    """Replace the file; durable on return.

    Raises:
        SinkUnavailable: the place refused.
    """
    text = json.dumps({"state": ending.state, "attempt": ending.attempt, "time": iso_time(ending.time)}) + "\n"
    with os_errors_as_ours(folder):
        make_folders(folder)
        draft = folder / _DRAFT
        with draft.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / FILE)
        sync_folder(folder)
