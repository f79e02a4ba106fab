"""A way to end, and what is to be said of the run."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from support.ends.script import Script

COMPLETE: Final = "complete"
CRASHED: Final = "crashed"
"""States in ``sitewire runs``."""

FINISHED: Final = "finished"
FAILED: Final = "failed"
"""How the tracker's run is closed."""


@dataclass(frozen=True)
class Ending:
    """A way to end.

    Attributes:
        name: what people call it.
        play: what the program does.
        state: of its run in ``sitewire runs``, once all has arrived.
        ended: how the tracker's run is closed.
        signals: what the test sends once the program says that it ends, a random moment apart.
        late: whether the first one comes a random moment later, into the middle of the end.
        nowhere: whether it ends at no place of its own: its words are not compared.
    """

    name: str
    play: Callable[[Script], None]
    state: str = COMPLETE
    ended: str = FINISHED
    signals: tuple[signal.Signals, ...] = ()
    late: bool = False
    nowhere: bool = False
