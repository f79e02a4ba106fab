"""Receipts to bytes and back, and their sums."""

from __future__ import annotations

import json

import msgpack
import pytest
from hypothesis import given
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


def test_a_receipt_of_very_many_writers_comes_back() -> None:
    keys = [StreamKey(f"{i:032x}", RecordClass.SCALARS) for i in range(8000)]
    receipt = Receipt("null:", dict.fromkeys(keys, Position(0, 5)))
    assert decode_receipt(encode_receipt(receipt)) == receipt
