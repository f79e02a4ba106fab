"""Receipts to bytes and back, and their sums."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitewire.schemas import limits
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.errors import MalformedEnvelope
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import (
    Position,
    Receipt,
    StreamKey,
    decode_receipt,
    encode_receipt,
    position_fields,
    read_position,
)
from sitewire.schemas.record import RecordClass

WRITER = "0123456789abcdef0123456789abcdef"
counts = st.integers(0, limits.MAX_INDEX // 16)  # nine terms stay below the bound
times = st.floats(0, limits.MAX_TIME, exclude_max=True)
positions = st.builds(
    Position, counts, counts, counts, counts, counts, st.dictionaries(st.sampled_from(HoleName), counts)
)
keys = st.builds(StreamKey, st.binary(min_size=16, max_size=16).map(bytes.hex), st.sampled_from(RecordClass))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
endings = st.builds(Ending, st.sampled_from(EndingState), st.integers(1, limits.MAX_INDEX), times)
receipts = st.builds(
    Receipt, names, st.dictionaries(keys, positions, max_size=5), counts, times, times, st.none() | endings
)


@given(receipts)
def test_a_receipt_comes_back(receipt: Receipt) -> None:
    assert decode_receipt(encode_receipt(receipt)) == receipt


@given(positions)
def test_a_position_comes_back_from_json_too(position: Position) -> None:
    assert read_position(json.loads(json.dumps(position_fields(position)))) == position


@given(positions)
def test_a_position_is_the_sum_of_its_terms(position: Position) -> None:
    *terms, holes = position_fields(position)
    assert isinstance(holes, dict)
    assert position.next == sum(term for term in terms if isinstance(term, int)) + sum(holes.values())


def _body(**changes: object) -> bytes:
    receipt = Receipt("null:", {StreamKey(WRITER, RecordClass.RUN): Position(1, 2, 3)}, 4, 1.0, 2.0)
    return msgpack.packb(msgpack.unpackb(encode_receipt(receipt)) | changes)


def _position(**changes: object) -> dict[str, object]:
    fields = {"writer": WRITER, "class": "run", "position": (0, 0, 0, 0, 0, {})} | changes
    return {"positions": [tuple(fields.values())]}


@pytest.mark.parametrize(
    "changes",
    [
        {"sink": ""},
        {"positions": {}},
        {"positions": [(WRITER, "run", (0, 0, 0, 0, 0, {}))] * 2},
        _position(writer=WRITER.upper()),
        _position(writer=WRITER.encode()),
        _position(writer=None),
        _position(**{"class": "pictures"}),
        _position(**{"class": 1}),
        _position(position=(0, 0, 0, 0, 0)),
        _position(position=(0, 0, 0, 0, True, {})),
        _position(position=(0, 0, 0, 0, 0, {"lost": 1})),
        _position(position=(0, 0, 0, 0, 0, {"expired": -1})),
        _position(position=(limits.MAX_INDEX, 1, 0, 0, 0, {})),
        _position(more=1),
        {"duplicates": -1},
        {"times": (1.0,)},
        {"times": (1.0, float("nan"))},
        {"times": (1, 2)},
        {"ending": None},
        {"ending": ("running", 1)},
        {"ending": ("gone", 1, 1.0)},
        {"ending": (b"running", 1, 1.0)},
        {"ending": ("running", 0, 1.0)},
        {"ending": ("running", 1, 1)},
        {"more": 1},
    ],
    ids=repr,
)
def test_a_malformed_receipt_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedEnvelope):
        decode_receipt(_body(**changes))


def many(count: int, position: Position, *classes: RecordClass) -> Receipt:
    """Return a receipt of so many positions, its writers as random as they are."""
    writers = random.Random(1)  # hexadecimal digits that no compression of ours or the broker's could shorten
    names = [writers.randbytes(16).hex() for _ in range(count // len(classes))]
    keys = [StreamKey(writer, name) for writer in names for name in classes]
    return Receipt("null:", dict.fromkeys(keys, position))


BIG = Position(0, 123_456, holes={HoleName.DROPPED: 3})


@pytest.mark.parametrize("count", [8000, 20_000, 28_000])
@pytest.mark.parametrize("position", [Position(0, 5), Position(0, 123_456)])
def test_a_receipt_of_very_many_writers_comes_back_and_fits_in_a_message(count: int, position: Position) -> None:
    receipt = many(count, position, RecordClass.SCALARS)
    data = encode_receipt(receipt)
    assert len(data) <= limits.MAX_RECEIPT_BYTES < 1_000_000
    assert decode_receipt(data) == receipt


def test_a_writer_of_several_classes_is_written_once() -> None:
    receipt = many(32_000, Position(0, 123_456), RecordClass.SCALARS, RecordClass.RUN)
    assert decode_receipt(encode_receipt(receipt)) == receipt


@given(st.lists(positions, min_size=1, max_size=5), st.integers(9_000, 9_500))
@settings(max_examples=10, deadline=None)
def test_the_short_form_says_the_same_as_the_plain_one(some: list[Position], count: int) -> None:
    receipt = many(count, BIG, RecordClass.SCALARS)
    mixed = replace(receipt, positions=dict(receipt.positions) | dict(zip(receipt.positions, some, strict=False)))
    data = encode_receipt(mixed)
    assert b"writers" in data
    assert decode_receipt(data) == mixed


def test_a_receipt_that_fits_in_no_message_says_how_much_it_leaves_out() -> None:
    receipt = many(60_000, BIG, RecordClass.SCALARS)
    assert decode_receipt(encode_receipt(receipt)) == Receipt("null:", {}, unlisted=60_000)


@pytest.mark.parametrize(
    "writers",
    [
        {},
        ((),),
        (("ab" * 16,),),
        ((b"ab",),),
        ((bytes(16), ()),),
        ((bytes(16), ("pictures",)),),
        ((bytes(16), ("run", 0, 0, 0, 0, 0, {}, 0)),),
        ((bytes(16), ("run", -1)),),
        ((bytes(16), ("run",), ("run",)),),
        ((bytes(16), ("run",)), (bytes(16), ("run",))),
        3,
    ],
    ids=repr,
)
def test_a_malformed_short_form_is_refused(writers: object) -> None:
    with pytest.raises(MalformedEnvelope):
        decode_receipt(_body(positions=(), writers=writers))


def test_the_short_form_is_what_it_was() -> None:
    row = (bytes.fromhex(WRITER), ("scalars", 1, 2), ("run",), ("media", 0, 0, 0, 0, 5, {"dropped": 6}))
    assert decode_receipt(_body(positions=(), writers=(row,))).positions == {
        StreamKey(WRITER, RecordClass.SCALARS): Position(1, 2),
        StreamKey(WRITER, RecordClass.RUN): Position(),
        StreamKey(WRITER, RecordClass.MEDIA): Position(dead_letters=5, holes={HoleName.DROPPED: 6}),
    }


def test_two_forms_at_once_are_refused() -> None:
    with pytest.raises(MalformedEnvelope):
        decode_receipt(_body(writers=((bytes(16), ("run",)),)))
