"""How far a writer's spool has been published. Losing it only causes resends."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sitewire.collectors.spool.moment import Moment
from sitewire.collectors.spool.slots import PAGE_BYTES, Slots
from sitewire.collectors.spool.state import MAX_CLASSES
from sitewire.schemas.codec import CLASSES

_SLOTS: Final = Slots(b"SWCURSR1", f"QQd{MAX_CLASSES}Q")
_LAST: Final = 2
"""Of the places for classes to come, the last two: they say of which start of the machine the uptime is, and that."""

_PADDING: Final = (0,) * (MAX_CLASSES - len(CLASSES) - _LAST)


@dataclass(slots=True)
class Cursor:
    """What whoever drains a writer remembers.

    Attributes:
        published: per class, in the order of ``CLASSES``, the next index that the broker has not acknowledged.
        account_sequence: the publisher's own: where the broker stored the writer's account last; below 2**64.
        account_stream_id: the publisher's own: which stream that was; below 2**64. Nobody sets it yet.
        drained: when everything of a dead writer had been acknowledged; its ``wall`` is 0.0 if it is not yet.
    """

    published: list[int] = field(default_factory=lambda: [0] * len(CLASSES))
    account_sequence: int = 0
    account_stream_id: int = 0
    drained: Moment = field(default_factory=Moment)


class CursorFile:
    """Where it is kept; written in place, so that it can be saved on a full disk too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sequence = 0

    def create(self) -> None:
        """Make the file with its blocks.

        Raises:
            OSError: there is no room for it.
        """
        self._path.write_bytes(bytes(PAGE_BYTES))

    def load(self) -> Cursor:
        """Return what was saved last; a fresh one if nothing was, or nothing that checks out."""
        try:
            newest = _SLOTS.newest(self._path.read_bytes())
        except OSError:
            newest = None
        if newest is None:
            return Cursor()
        self._sequence, (sequence, stream_id, drained, *published) = newest
        moment = Moment(float(drained), int(published[-_LAST]), published[-1] / 1000)
        return Cursor([int(at) for at in published[: len(CLASSES)]], int(sequence), int(stream_id), moment)

    def save(self, cursor: Cursor) -> None:
        """Replace the older of the two copies.

        Raises:
            OSError: the directory is gone or the disk did not take it.
        """
        drained = cursor.drained
        before = (cursor.account_sequence, cursor.account_stream_id, drained.wall)
        values = (*before, *cursor.published, *_PADDING, drained.boot, int(drained.uptime * 1000))
        position, data = _SLOTS.encode(self._sequence + 1, values)
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            os.pwrite(fd, data, position)
        finally:
            os.close(fd)
        self._sequence += 1
