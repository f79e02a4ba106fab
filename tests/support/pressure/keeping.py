"""A trainer that notes of each record whether it was stored when its log call returned.

``python -m support.pressure.keeping SEED LEAST DROPS AFTER FOLDER``: logs points of the seed until there are at least
``LEAST`` and ``DROPS`` of them were refused, writes the longest call's seconds to ``FOLDER/full``, waits for
``FOLDER/emptied``, logs ``AFTER`` more, and writes a byte for each point to ``FOLDER/kept``.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sitewire.collectors import Run
from support.points import scalar

PAUSE_EVERY = 1000  # points; a trainer that never sleeps leaves no time to those who read


class Keeping:
    """Logs, and keeps the book.

    Attributes:
        kept: a byte for each point, 1 if it was stored.
        longest: seconds of a log call, at most.
    """

    def __init__(self, seed: int) -> None:
        self.kept = bytearray()
        self.longest = 0.0
        self.run = Run()
        self._seed = seed
        name, value, step, at = scalar(seed, 0)
        self.run.log_scalar(name, value, step, time=at)  # which opens the spool
        self.kept.append(True)
        writer = self.run._recorder.writer  # it says of each record what the run's calls do not
        assert writer is not None
        self._append = writer.append_scalar

    def log(self) -> None:
        """Log the next point."""
        name, value, step, at = scalar(self._seed, len(self.kept))
        begin = time.perf_counter()
        self.kept.append(self._append(name, value, at, step))
        self.longest = max(self.longest, time.perf_counter() - begin)
        if len(self.kept) % PAUSE_EVERY == 0:
            time.sleep(0.01)


def main() -> None:
    """Log until all is full, and again when there is room."""
    seed, least, drops, after = map(int, sys.argv[1:5])
    folder = Path(sys.argv[5])
    keeping = Keeping(seed)
    while len(keeping.kept) < least or keeping.kept.count(False) < drops:
        keeping.log()
    (folder / "full").write_text(str(keeping.longest))
    while not (folder / "emptied").exists():
        time.sleep(0.05)
    for _ in range(after):
        keeping.log()
    (folder / "kept").write_bytes(keeping.kept)


if __name__ == "__main__":
    main()
