"""How a record appears where a tracker has no place for all of it."""

from __future__ import annotations

import pytest

from sitewire.schemas.record import Kind, Record
from sitewire.schemas.series import unnamed
from sitewire.workers.sinks.appearance import full_name
from sitewire.workers.sinks.testing.samples import BEGIN


@pytest.mark.parametrize(
    ("series", "context", "name"),
    [
        (None, None, "loss"),
        ("val", "train", "val/train/loss"),
        (unnamed(BEGIN), None, "loss"),
        (f"val/{unnamed(BEGIN)}", "train", "val/train/loss"),
    ],
)
def test_a_series_that_nobody_has_named_is_in_no_name(series: str | None, context: str | None, name: str) -> None:
    assert full_name(Record(Kind.SCALAR, "loss", 1.0, BEGIN, context=context, series=series)) == name
