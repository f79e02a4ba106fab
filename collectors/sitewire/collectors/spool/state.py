"""What a writer says of itself beside its segments: how far it has counted, and whether it has ended.

A record that was dropped leaves no frame; the next frame's index gives it away, and for the last ones of
all this page does. Every index below ``assigned`` is, when the page says so, in a frame or dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sitewire.collectors.spool import storage
from sitewire.collectors.spool.slots import PAGE_BYTES, Slots
from sitewire.schemas.codec import CLASSES

MAX_CLASSES: Final = 16
"""Room for classes to come, so that they need no new layout."""

_SLOTS: Final = Slots(b"SWSTATE1", f"B{MAX_CLASSES}Q")
_PADDING: Final = (0,) * (MAX_CLASSES - len(CLASSES))
_ENDED: Final = 1
_FAILED: Final = 2  # ended, with an error


@dataclass(frozen=True, slots=True)
class State:
    """One reading of the page.

    Attributes:
        assigned: per class, in the order of ``CLASSES``, the indexes that were given out.
        ended: the writer has finished: no index will follow.
        failed: it has, with an error.
    """

    assigned: tuple[int, ...] = (0,) * len(CLASSES)
    ended: bool = False
    failed: bool = False


class StatePage:
    """The writer's side of the page.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, *, mapped: bool) -> None:
        self._storage = storage.create(path, PAGE_BYTES, mapped=mapped)
        self._sequence = 0
        try:
            for _ in range(2):  # both places exist before a disk can be full
                self.write((0,) * len(CLASSES), ended=False)
        except OSError:
            self._storage.close()
            raise

    def write(self, assigned: Sequence[int], *, ended: bool, failed: bool = False) -> None:
        """Replace the older of the two copies.

        Raises:
            OSError: the disk did not take it.
        """
        self._sequence += 1
        end = (_FAILED if failed else _ENDED) if ended else 0
        self._storage.write(*_SLOTS.encode(self._sequence, (end, *assigned, *_PADDING)))

    def sync(self) -> None:
        """Bring the page to the disk.

        Raises:
            OSError: the disk did not take it.
        """
        self._storage.sync()

    def close(self) -> None:
        """Let go of the file."""
        self._storage.close()


def read_state(path: Path) -> State:
    """Return what the page says; nothing assigned where there is no page, or none that checks out.

    Raises:
        OSError: the disk gives an error: what it says is not known, and that is not "nothing".
    """
    try:
        page = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return State()
    newest = _SLOTS.newest(page)
    if newest is None:
        return State()
    ended, *assigned = newest[1]
    return State(tuple(int(count) for count in assigned[: len(CLASSES)]), bool(ended), ended == _FAILED)
