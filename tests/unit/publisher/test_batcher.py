"""Parcels: every index of what the spool gave, once, in envelopes that every bound allows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors.publisher.batcher import Parcel, parcels
from sitewire.collectors.spool.line import Missing, Stored
from sitewire.schemas import limits
from sitewire.schemas.codec import decode_envelope, pack_record
from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject

WRITER = "ab" * 16
MEDIA = RecordClass.MEDIA
Told = list[tuple[int, str]]
"""Index and what is there: the name of the record or of the hole."""


def text(index: int, size: int = 1) -> Stored:
    return Stored(MEDIA, index, pack_record(Record(Kind.TEXT, str(index), "x" * size, 0.0)))


@st.composite
def lines(draw: st.DrawFn) -> list[Stored | Missing]:
    """What a spool gives: records of any size and holes of any count, one behind the other."""
    items: list[Stored | Missing] = []
    index = draw(st.integers(0, 1000))
    for count, size, name in draw(
        st.lists(
            st.tuples(st.integers(0, 40), st.sampled_from([1, 100, 5000, 60_000]), st.sampled_from(HoleName)),
            min_size=1,
            max_size=60,
        )
    ):
        if count > 20:
            items.append(Missing(MEDIA, Hole(name, index, count)))
            index += count
        else:
            items.append(text(index, size))
            index += 1
    return items


def told_by_items(items: list[Stored | Missing]) -> Told:
    told: Told = []
    for item in items:
        if isinstance(item, Stored):
            told.append((item.index, str(item.index)))
        else:
            told += [(at, str(item.hole.name)) for at in range(item.hole.first, item.hole.end)]
    return told


def decoded(parcel: Parcel) -> Envelope:
    return decode_envelope(parcel.encode(WRITER, "exp"), Subject(RunKey("site", "run"), MEDIA, WRITER))


def told_by(parcel: Parcel) -> Told:
    told: Told = []
    for stretch in decoded(parcel).stretches():
        if isinstance(stretch, Span):
            told += [(stretch.first + at, record.name) for at, record in enumerate(stretch.records)]
        else:
            told += [(at, str(stretch.name)) for at in range(stretch.first, stretch.end)]
    return told


@given(lines())
def test_envelopes_tell_of_every_index_once_and_a_worker_takes_each(items: list[Stored | Missing]) -> None:
    made = parcels(items).get(MEDIA, [])
    assert [item for parcel in made for item in told_by(parcel)] == told_by_items(items)
    for parcel in made:
        assert len(parcel.encode(WRITER, "exp")) <= limits.MAX_ENVELOPE_BYTES


@given(lines())
def test_halves_tell_of_the_same_as_the_whole(items: list[Stored | Missing]) -> None:
    for parcel in parcels(items).get(MEDIA, []):
        if len(parcel.packed) < 2:
            continue
        left, right = parcel.halves()
        assert told_by(left) + told_by(right) == told_by(parcel)
        assert left.packed
        assert right.packed


@given(lines())
def test_what_is_given_up_leaves_a_hole_of_its_size(items: list[Stored | Missing]) -> None:
    for parcel in parcels(items).get(MEDIA, []):
        assert [index for index, _ in told_by(parcel.emptied())] == [index for index, _ in told_by(parcel)]
        assert not parcel.emptied().packed


def test_classes_are_parcelled_apart_each_in_its_order() -> None:
    scalar = pack_record(Record(Kind.SCALAR, "loss", 1.0, 0.0))
    items = [Stored(RecordClass.SCALARS, 0, scalar), text(0), Stored(RecordClass.SCALARS, 1, scalar), text(1)]
    made = parcels(items)
    assert {name: [(p.first, p.end) for p in queue] for name, queue in made.items()} == {
        RecordClass.SCALARS: [(0, 2)],
        MEDIA: [(0, 2)],
    }


def test_a_parcel_ends_at_the_most_records_and_holes_of_an_envelope() -> None:
    scalar = pack_record(Record(Kind.SCALAR, "x", 1.0, 0.0))
    count = limits.MAX_ENVELOPE_RECORDS * 2
    many = parcels([Stored(RecordClass.SCALARS, index, scalar) for index in range(count)])
    assert all(len(parcel.packed) <= limits.MAX_ENVELOPE_RECORDS for parcel in many[RecordClass.SCALARS])
    holes = [Missing(MEDIA, Hole(HoleName.DROPPED, index, 1)) for index in range(limits.MAX_ENVELOPE_HOLES * 2)]
    assert [len(parcel.holes) for parcel in parcels(holes)[MEDIA]] == [limits.MAX_ENVELOPE_HOLES] * 2
