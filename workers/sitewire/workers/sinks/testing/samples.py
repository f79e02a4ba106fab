"""Records to try a sink with: each a function of its index, so that a killed writer's can be told again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass, Value
from sitewire.workers.sinks.contract import Delivery

BEGIN: Final = 1_700_000_000.25

VALUES: Final[dict[Kind, Value]] = {
    Kind.SCALAR: 0.5,
    Kind.TEXT: "*two*\nlines, ä, \u2028",
    Kind.RUN_START: {"experiment": "e", "resumed": False, "attempt": 1},
    Kind.RUN_END: "finished",
    Kind.PARAM: 0.001,
    Kind.TAG: "blue",
    Kind.HPARAMS: {"params": {"lr": 0.1, "depth": 3, "name": "a", "nothing": None, "on": True}, "metrics": ("acc",)},
    Kind.SUMMARY: 0.5,
    Kind.DEFINITION: {"step_metric": "epoch"},
}

NAMES: Final = (
    "a", "a b", "a:b", "a@b", "a_b", "/a", "a/", "a//b", ".", "..", "../../etc/passwd", "*", ">", "%s{}", "\n", "\x00",
    '"', "\\", "ä", "名前", "😀", "a" * 1000,
)  # fmt: skip
"""Names that a library somewhere has tripped over; each has to stay a name of its own."""

FLOATS: Final = (0.0, -0.0, math.nan, math.inf, -math.inf, 1e300, -1e300, 5e-324, 1 / 3, 16777217.0)

STEPS: Final = (None, -1, 0, 2**63 - 1, None, -(2**63), None, 1)


def stream(number: int, record_class: RecordClass = RecordClass.SCALARS) -> StreamKey:
    """Return the numbering of a class of the writer with that number."""
    return StreamKey(f"{number:032x}", record_class)


def scalar(index: int, name: str = "loss", step: int | None = 0, series: str | None = None) -> Record:
    """Return a scalar that is told by its index."""
    return Record(Kind.SCALAR, name, index / 4, BEGIN + index, index if step == 0 else step, series=series)


def record_at(key: StreamKey, index: int) -> Record:
    """Return what the killed writer logged at an index.

    Of the kinds whose names are the writer's own: how two writers mix under one name is not told by their indexes.
    """
    kinds = [k for k, record_class in CLASS_OF.items() if record_class is key.record_class and k is not Kind.HPARAMS]
    kind = kinds[index % len(kinds)]
    name = f"{key.writer[-2:]}/{kind}/{index % 3}"
    step = None if index % 5 == 0 else index
    series = (None, None, "s", "s/t")[index % 4] if kind is Kind.SCALAR else None
    value = float(index) if kind is Kind.SCALAR else VALUES[kind]
    return Record(kind, name, value, BEGIN + index, step, series=series)


def span(key: StreamKey, first: int, records: Sequence[Record]) -> Delivery:
    """Return records as a delivery."""
    return Delivery(key, Span(first, tuple(records)))


def scalars(key: StreamKey, first: int, end: int) -> Delivery:
    """Return scalars as a delivery."""
    return span(key, first, [scalar(index, f"loss-{key.writer[-2:]}") for index in range(first, end)])


def records_of(deliveries: Sequence[Delivery]) -> list[Record]:
    """Return the records of deliveries in their order."""
    return [record for item in deliveries if isinstance(item.stretch, Span) for record in item.stretch.records]
