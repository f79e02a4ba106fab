"""A batch, taken apart by the files that it goes to."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from itertools import groupby
from typing import Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Primitive, Record, RecordClass
from sitewire.workers.sinks.appearance import shown_name, shown_step
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.progress import fate
from sitewire.workers.sinks.tensorboard.events import WRITTEN, EventEncoder, tag_of
from sitewire.workers.sinks.tensorboard.framing import framed
from sitewire.workers.sinks.tensorboard.marker import Slice
from sitewire.workers.sinks.tensorboard.session import ENDED, Session, shown_value

_SCALAR: Final = Kind.SCALAR
_NOTHING: Final[frozenset[int]] = frozenset()


class Part:
    """What a batch puts into one folder's file.

    Attributes:
        frames: the events, ready to be written.
        slices: whose events they are, and what is counted here without one.
        steps: lengths of the stretches of events, by turns with a step of their own and without one.
        counters: per tag of a record without a step, the counter before the batch and how many it numbers.
        session: what the batch adds to the folder's.
        times: of the first and the last scalar, as they come; ``None`` if there is none.
    """

    def __init__(self, counters: Mapping[str, int], encoder: EventEncoder) -> None:
        self.frames: list[bytes] = []
        self.slices: list[Slice] = []
        self.steps: list[int] = [0]
        self.counters: dict[str, tuple[int, int]] = {}
        self.session = Session()
        self.times: tuple[float, float] | None = None
        self._known = counters
        self._encoder = encoder

    def count(self, key: StreamKey, first: int, count: int, what: Outcome | HoleName) -> None:
        """Take indexes that are no events of this file."""
        self.slices.append(Slice(key, first, count, what, events=False))

    def write(self, key: StreamKey, first: int, records: Sequence[Record]) -> None:
        """Take consecutive records as one event each."""
        self.slices.append(Slice(key, first, len(records), Outcome.DELIVERED, events=True))
        encode, add = self._encoder.encode, self.frames.append
        for without, group in groupby(records, _has_no_step):
            before = len(self.frames)
            for record in group:
                step = record.step
                if step is None:
                    shown = shown_step(record)
                    step = self._next(tag_of(record)) if shown is None else shown
                add(framed(encode(record, step)))
            self._note_steps(len(self.frames) - before, without=without)
        self._note_session(key.record_class, records)

    def _note_session(self, record_class: RecordClass, records: Sequence[Record]) -> None:
        if record_class is RecordClass.SCALARS:
            self.times = (self.times[0] if self.times else records[0].time, records[-1].time)
        elif record_class is RecordClass.RUN:
            self.session |= _session_of(records)

    def _next(self, tag: str) -> int:
        before, count = self.counters.get(tag) or (self._known.get(tag, 0), 0)
        self.counters[tag] = (before, count + 1)
        return before + count

    def _note_steps(self, count: int, *, without: bool) -> None:
        if len(self.steps) % 2 == without:  # the last stretch is of the other sort
            self.steps.append(0)
        self.steps[-1] += count


def split(
    deliveries: Sequence[Delivery],
    part_of: Callable[[str | None], Part],
    ahead: Mapping[StreamKey, Container[int]],
) -> None:
    """Put each delivery's records where they belong, in order.

    Args:
        deliveries: the batch.
        part_of: gives the part of a series; what is no event goes to the run's own, that of ``None``.
        ahead: indexes that are events in the run's files already: they are counted and not written again.
    """
    for delivery in deliveries:
        stretch, key = delivery.stretch, delivery.key
        if isinstance(stretch, Span) and delivery.outcome is Outcome.DELIVERED:
            _split_span(key, stretch, part_of, ahead.get(key, _NOTHING))
        else:
            part_of(None).count(key, stretch.first, stretch.end - stretch.first, fate(delivery))


def _split_span(key: StreamKey, span: Span, part_of: Callable[[str | None], Part], ahead: Container[int]) -> None:
    def place(item: tuple[int, Record]) -> tuple[str | None, bool]:
        index, record = item
        return record.series, (record.kind is _SCALAR or record.kind in WRITTEN) and index not in ahead

    first = span.first
    for (series, written), group in groupby(enumerate(span.records, first), place):
        records = [record for _, record in group]
        if written:
            part_of(series).write(key, first, records)
        else:
            part_of(None).count(key, first, len(records), Outcome.DELIVERED)
        first += len(records)


def _has_no_step(record: Record) -> bool:
    return record.step is None and shown_step(record) is None


def _session_of(records: Sequence[Record]) -> Session:
    if any(record.kind is Kind.HPARAMS for record in records):
        return ENDED  # a whole session of its own: the folder has no other
    params: dict[str, Primitive] = {shown_name(r): shown_value(r.value) for r in records if r.kind is Kind.PARAM}
    return Session(params)
