"""An envelope's stretches, against a model that knows each index."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.envelope import Envelope, Span, Stretch
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import Kind, Record, RecordClass

type_of_index = st.sampled_from(["record", *HoleName])


def _record(index: int) -> Record:
    return Record(Kind.SCALAR, "loss", float(index), 1.0, index)


@st.composite
def envelopes(draw: st.DrawFn) -> tuple[Envelope, dict[int, object]]:
    """An envelope, and what its indexes are: records, or names of holes."""
    first = draw(st.integers(0, 50))
    line = draw(st.lists(st.tuples(type_of_index, st.integers(1, 5)), min_size=1, max_size=12))
    model: dict[int, object] = {}
    holes: list[Hole] = []
    for what, count in line:
        position = first + len(model)
        model |= {i: _record(i) if what == "record" else what for i in range(position, position + count)}
        if isinstance(what, HoleName):
            holes.append(Hole(what, position, count))
    records = tuple(item for item in model.values() if isinstance(item, Record))
    return Envelope("0" * 32, RecordClass.SCALARS, first, records, tuple(holes)), model


def _flat(stretch: Stretch) -> dict[int, object]:
    if isinstance(stretch, Span):
        return dict(enumerate(stretch.records, stretch.first))
    return dict.fromkeys(range(stretch.first, stretch.end), stretch.name)


@given(envelopes(), st.integers(0, 130))
def test_stretches_hold_each_index_from_the_start_once_and_in_order(
    made: tuple[Envelope, dict[int, object]], start: int
) -> None:
    envelope, model = made
    expected = {index: what for index, what in model.items() if index >= start}
    stretches = list(envelope.stretches(start))
    flat = [item for stretch in stretches for item in _flat(stretch).items()]
    assert flat == list(expected.items())
    assert all(stretch.first < stretch.end for stretch in stretches)


@given(envelopes())
def test_an_envelope_ends_behind_its_last_index(made: tuple[Envelope, dict[int, object]]) -> None:
    envelope, model = made
    assert envelope.end == max(model) + 1


@given(envelopes())
def test_two_stretches_of_records_never_touch(made: tuple[Envelope, dict[int, object]]) -> None:
    stretches = list(made[0].stretches())
    for one, other in itertools.pairwise(stretches):
        assert one.end == other.first
        assert not (isinstance(one, Span) and isinstance(other, Span))
