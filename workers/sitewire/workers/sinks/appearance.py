"""How a record appears in a tracker that has no place for all of its fields: the same in every tracker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sitewire.schemas.record import Kind, Record
from sitewire.schemas.series import named

NAME: Final = "name"
NOTES: Final = "notes"

_SAID_BY: Final[Mapping[str, str]] = {
    "mlflow.runName": NAME,
    "mlflow.note.content": NOTES,
    "wandb.name": NAME,
    "wandb.notes": NOTES,
}
"""Tags by which trainers say of a run that has begun what ``run_start`` says of one that begins."""


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


def renamed(record: Record) -> tuple[str, str] | None:
    """Return what a tag changes of its run, ``NAME`` or ``NOTES``, and its text; None if the record does not.

    It is a tag all the same. An empty name changes nothing: no tracker shows a run without one.
    """
    what = _SAID_BY.get(record.name) if record.kind is Kind.TAG else None
    text = str(record.value)
    return None if what is None or (what == NAME and not text) else (what, text)
