"""Names as W&B's keys.

W&B overwrites or hides what begins with ``_``, ``sitewire`` is ours, and a name that is one backslash ends
``wandb-core`` and with it all runs (0.31.0): such a name has ``~`` in front, and so has one that looks as if it had.
"""

from __future__ import annotations

import re
from typing import Final

from sitewire.schemas.record import Record
from sitewire.workers.sinks.appearance import full_name

STEP: Final = "sitewire/step"
ROUND: Final = "sitewire/round"
EPOCH: Final = "sitewire/epoch"
CONTEXT: Final = "sitewire/context"

MAX_TAG_CHARACTERS: Final = 64

_RESERVED: Final = re.compile(r"~*(?:_|sitewire(?:/|\Z)|\\\Z)", re.DOTALL)


def key_of(record: Record) -> str:
    """Return the key of a record: series and context before its name. Two names have two keys."""
    return free(full_name(record))


def free(name: str) -> str:
    """Return a name that W&B leaves alone."""
    return f"~{name}" if _RESERVED.match(name) else name
