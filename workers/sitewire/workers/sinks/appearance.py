"""How a record appears in a tracker that has no place for all of its fields: the same in every tracker.

Which tags rename a run: ``sitewire.schemas.renaming``.
"""

from __future__ import annotations

from sitewire.schemas.record import Record
from sitewire.schemas.series import named


def shown_step(record: Record) -> int | None:
    """Return the step that a tracker with one axis shows: the record's own, else its epoch, else its round."""
    if record.step is not None:
        return record.step
    return record.round if record.epoch is None else record.epoch


def shown_name(record: Record) -> str:
    """Return the name with its context before it, ``validation/loss``: two contexts are two curves."""
    return record.name if record.context is None else f"{record.context}/{record.name}"


def full_name(record: Record) -> str:
    """Return the name with its series and context before it, for a tracker that has no folders."""
    series = named(record.series)
    return shown_name(record) if series is None else f"{series}/{shown_name(record)}"
