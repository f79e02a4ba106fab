"""Records and envelopes to bytes and back."""

from __future__ import annotations

import math

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sitewire.schemas import codec, limits, wire
from sitewire.schemas.codec import decode_envelope, encode_envelope, pack_record
from sitewire.schemas.errors import MalformedEnvelope, RecordRefused
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass, Value
from sitewire.schemas.scalars import read_scalars
from sitewire.schemas.subject import RunKey, Subject

WRITER = "0123456789abcdef0123456789abcdef"
KEY = RunKey("site", "run")
SCALARS = Subject(KEY, RecordClass.SCALARS, WRITER)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = texts.filter(bool)
steps = st.integers(limits.MIN_STEP, limits.MAX_STEP)
times = st.floats(0, limits.MAX_TIME, exclude_max=True)
primitives = st.none() | texts | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.booleans()
values: dict[Kind, st.SearchStrategy[Value]] = {
    Kind.SCALAR: st.floats(),
    Kind.TEXT: texts,
    Kind.RUN_START: st.dictionaries(names, primitives, max_size=4),
    Kind.RUN_END: st.sampled_from(["finished", "failed"]),
    Kind.PARAM: primitives,
    Kind.TAG: texts,
    Kind.SUMMARY: primitives,
    Kind.DEFINITION: st.dictionaries(names, primitives, max_size=3),
    Kind.HPARAMS: st.fixed_dictionaries(
        {"params": st.dictionaries(names, primitives, max_size=4), "metrics": st.lists(names, max_size=4).map(tuple)}
    ),
}


def records(record_class: RecordClass) -> st.SearchStrategy[Record]:
    kinds = [kind for kind in Kind if CLASS_OF[kind] is record_class]
    rare = [st.none() | steps, st.none() | steps, st.none() | names, st.none() | names]
    return st.sampled_from(kinds).flatmap(
        lambda kind: st.builds(Record, st.just(kind), names, values[kind], times, st.none() | steps, *rare)
    )


def _same(one: object, other: object) -> bool:
    """Equal in value and type, NaN to itself: what `repr` tells apart."""
    return repr(one) == repr(other)


@pytest.mark.parametrize("record_class", sorted(set(CLASS_OF.values())))
def test_records_come_back_whatever_they_hold(record_class: RecordClass) -> None:
    subject = Subject(KEY, record_class, WRITER)

    @given(st.lists(records(record_class), min_size=1, max_size=6), st.integers(0, 2**61), names)
    def check(items: list[Record], first: int, experiment: str) -> None:
        data = encode_envelope(WRITER, record_class, first, [pack_record(item) for item in items], (), experiment)
        envelope = decode_envelope(data, subject)
        assert _same(envelope.records, tuple(items))
        assert (envelope.first, envelope.experiment, envelope.holes) == (first, experiment, ())

    check()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(HoleName), st.integers(1, 2**40)), max_size=5),
    st.integers(0, 3),
    st.integers(0, 2**50),
)
def test_holes_come_back_wherever_they_lie(parts: list[tuple[int, HoleName, int]], behind: int, first: int) -> None:
    holes, packed, position = [], [], first
    record = pack_record(Record(Kind.SCALAR, "loss", 0.5, 1.0))
    for before, name, count in parts:
        packed += [record] * before
        holes.append(Hole(name, position + before, count))
        position = holes[-1].end
    packed += [record] * behind
    data = encode_envelope(WRITER, RecordClass.SCALARS, first, packed, holes)
    if position + behind == first:
        with pytest.raises(MalformedEnvelope, match="at least one index"):
            decode_envelope(data, SCALARS)
        return
    envelope = decode_envelope(data, SCALARS)
    assert envelope.holes == tuple(holes)
    assert envelope.end == position + behind


# What each column of a record can be, right and wrong; a wrong one is as likely as a right one.
junk: st.SearchStrategy[object] = st.sampled_from(
    [None, True, False, 0, 0.0, "", "x", b"x", (), {}, 2**63, -1, -1.0, math.nan, math.inf, (((),),)]
)
rows = st.tuples(
    st.just(0) | junk,
    st.sampled_from(["loss", "x" * limits.MAX_RECORD_NAME_BYTES, "é" * limits.MAX_RECORD_NAME_BYTES]) | junk,
    st.floats() | junk,
    times | st.sampled_from([limits.MAX_TIME, math.nan, math.inf, -0.0, -1.0]) | junk,
    st.none() | steps | st.just(2**64 - 1) | junk,
)
rare_maps: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    st.sampled_from("recsx"), steps | names | st.sampled_from([None, True, 1.0, 2**63, "", (), {}]), max_size=2
)
rare_rows = st.tuples(rows, rare_maps | junk).map(lambda parts: (*parts[0], parts[1]))
good = st.tuples(st.just(0), names, st.floats(), times, st.none() | steps)
good_rare = st.tuples(good, st.fixed_dictionaries({"r": steps}, optional={"e": steps, "c": names, "s": names})).map(
    lambda parts: (*parts[0], parts[1])
)
neighbours = st.lists(good | good_rare, max_size=3)
Row = tuple[object, ...]


def _one_by_one(row: Row) -> Record | None:
    """What the reader that takes one record at a time makes of it."""
    body = wire.read_map(msgpack.packb({"v": 1, "r": row}), limits.MAX_RECORD_BYTES)
    try:
        return codec._read_record(body["r"], RecordClass.SCALARS)
    except MalformedEnvelope:
        return None


@given(neighbours, rows | rare_rows, neighbours)
@example([(0, "a", 0.5, 1.0, 1)], (0, "a", 0.5, math.nan, 1), [(0, "a", 0.5, 1.0, 1)])
@example([(0, "a", 0.5, 1.0, 1)], (False, "a", 0.5, 1.0, 1), [])
@example([(0, "a", 0.5, 1.0, 1)], (0, "a", 0.5, 1.0, True), [])
@example([(0, "a", 0.5, 1.0, None)], (0, "a", 0.5, 1.0, 2**63), [])
@example([(0, "a", 0.5, 1.0, 1)], (0, "a", 0.5, 1.0, 1, {}), [])
@example([(0, "a", 0.5, 1.0, 1, {"r": 1})], (0, "a", 0.5, 1.0, 1, {"r": True}), [])
@example([(0, "a", 0.5, 1.0, 1, {"r": 1})], (0, "a", 0.5, 1.0, 1, {"r": 1.0}), [])
@example([(0, "a", 0.5, 1.0, 1, {"r": 1})], (0, "a", 0.5, 1.0, 1, None), [])
@example([(0, "a", 0.5, 1.0, 1, {"r": 1})], (0, "a", 0.5, 1.0, 1, {"c": ()}), [])
@example([(0, "a", 0.5, 1.0, 1)], (0, None, 0.5, 1.0, 1), [])
@example([], (0, "a", 0.5, 1.0), [])
def test_the_fast_way_says_yes_only_to_what_the_slow_way_reads_alike(
    before: list[Row], row: Row, behind: list[Row]
) -> None:
    try:
        fast = read_scalars((*before, row, *behind))
    except MalformedEnvelope:
        fast = None
    slow = _one_by_one(row)
    assert (fast is None) == (slow is None)
    if fast is not None:
        assert _same(fast, tuple(map(_one_by_one, (*before, row, *behind))))
        assert {type(record) for record in fast} == {Record}


def test_a_full_envelope_of_scalars_comes_back() -> None:
    items = [
        Record(Kind.SCALAR, f"m{i % 7}", i / 3, 1.7e9 + i, None if i % 5 == 0 else i)
        for i in range(limits.MAX_ENVELOPE_RECORDS)
    ]
    data = encode_envelope(WRITER, RecordClass.SCALARS, 0, [pack_record(item) for item in items])
    assert decode_envelope(data, SCALARS).records == tuple(items)


@pytest.mark.parametrize(
    "record",
    [
        Record(Kind.SCALAR, "", 1.0, 1.0),
        Record(Kind.SCALAR, "x" * (limits.MAX_RECORD_NAME_BYTES + 1), 1.0, 1.0),
        Record(Kind.SCALAR, "\ud800", 1.0, 1.0),
        Record(Kind.SCALAR, "loss", 1, 1.0),
        Record(Kind.SCALAR, "loss", 1.0, math.nan),
        Record(Kind.SCALAR, "loss", 1.0, limits.MAX_TIME),
        Record(Kind.SCALAR, "loss", 1.0, 1.0, 2**63),
        Record(Kind.SCALAR, "loss", 1.0, 1.0, -(2**63) - 1),
        Record(Kind.SCALAR, "loss", 1.0, 1.0, 1, round=2**63),
        Record(Kind.SCALAR, "loss", 1.0, 1.0, 1, context=""),
        Record(Kind.TEXT, "note", "x" * limits.MAX_RECORD_BYTES, 1.0),
        Record(Kind.RUN_END, "end", "gone", 1.0),
        Record(Kind.PARAM, "p", 2**64, 1.0),
        Record(Kind.PARAM, "p", {}, 1.0),
        Record(Kind.RUN_START, "start", {"a": object()}, 1.0),
        Record(Kind.RUN_START, "start", {str(i): i for i in range(limits.MAX_ITEMS + 1)}, 1.0),
        Record(Kind.HPARAMS, "hp", {"params": {}}, 1.0),
        Record(Kind.HPARAMS, "hp", {"params": {"a": {}}, "metrics": ()}, 1.0),
    ],
    ids=lambda record: f"{record.kind}-{record.value!r:.20}-{record.time}-{record.step}",
)
def test_a_record_that_would_spoil_its_envelope_is_not_packed(record: Record) -> None:
    with pytest.raises(RecordRefused):
        pack_record(record)


def test_a_value_nested_without_end_is_not_packed() -> None:
    nested: dict[str, object] = {}
    nested["self"] = nested
    with pytest.raises(RecordRefused):
        pack_record(Record(Kind.RUN_START, "start", nested, 1.0))


_odd = st.sampled_from([None, True, 1, 1.0, math.nan, -1.0, 2**63, "", "x", "x" * 1025, b"x", limits.MAX_TIME])


@given(st.tuples(_odd, _odd, _odd, _odd, _odd, _odd, _odd, _odd))
def test_what_passes_for_a_scalar_without_being_read_is_what_a_worker_reads_as_one(fields: tuple[object, ...]) -> None:
    record = Record(Kind.SCALAR, *fields)  # type: ignore[arg-type]  # wrong types are the point
    try:
        packed = pack_record(record)
    except RecordRefused:
        return
    data = encode_envelope(WRITER, RecordClass.SCALARS, 0, [packed])
    assert _same(decode_envelope(data, SCALARS).records, (record,))
