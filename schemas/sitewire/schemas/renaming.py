"""Tags by which trainers say of a run that has begun what ``run_start`` says of one that begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from sitewire.schemas.record import Kind, Record

What: TypeAlias = Literal["name", "notes"]
"""Keys of ``run_start``."""

_SAID_BY: Final[Mapping[str, What]] = {
    "mlflow.runName": "name",
    "mlflow.note.content": "notes",
    "wandb.name": "name",
    "wandb.notes": "notes",
}


def renamed(record: Record) -> tuple[What, str] | None:
    """Return what a tag changes of its run, and its text; None if the record does not.

    It is a tag all the same. An empty name changes nothing: no tracker shows a run without one.
    """
    what = _SAID_BY.get(record.name) if record.kind is Kind.TAG else None
    text = str(record.value)
    return None if what is None or (what == "name" and not text) else (what, text)
