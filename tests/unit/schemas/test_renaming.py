"""Tags that rename a run."""

from __future__ import annotations

import pytest

from sitewire.schemas.record import Kind, Record
from sitewire.schemas.renaming import renamed
from sitewire.workers.sinks.testing.samples import BEGIN


@pytest.mark.parametrize(
    ("kind", "name", "value", "found"),
    [
        (Kind.TAG, "mlflow.runName", "better", ("name", "better")),
        (Kind.TAG, "wandb.name", "better", ("name", "better")),
        (Kind.TAG, "mlflow.note.content", "why", ("notes", "why")),
        (Kind.TAG, "wandb.notes", "", ("notes", "")),
        (Kind.TAG, "wandb.name", "", None),
        (Kind.TAG, "name", "better", None),
        (Kind.PARAM, "wandb.name", "better", None),
    ],
)
def test_a_tag_of_any_syntax_renames_the_run(kind: Kind, name: str, value: str, found: tuple[str, str] | None) -> None:
    assert renamed(Record(kind, name, value, BEGIN)) == found
