from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors.spool import frame
from sitewire.collectors.spool.frame import CLASS_COUNT, HEAD_BYTES

SALTS = frame.salts("0" * 32, 3)
indexes = st.integers(0, 2**63)
numbers = st.integers(0, CLASS_COUNT - 1)


@given(st.binary(max_size=200), numbers, indexes, st.binary(max_size=40))
def test_what_was_encoded_checks_out_wherever_it_stands(packed: bytes, number: int, index: int, before: bytes) -> None:
    buffer = before + frame.encode(packed, number, index, SALTS)
    assert frame.check(buffer, len(before), SALTS) == (number, index, len(buffer))
    assert buffer[len(before) + HEAD_BYTES :] == packed


@given(st.binary(max_size=60), numbers, indexes, st.data())
def test_a_flip_of_any_byte_is_noticed(packed: bytes, number: int, index: int, data: st.DataObject) -> None:
    whole = bytearray(frame.encode(packed, number, index, SALTS) + bytes(300))
    position = data.draw(st.integers(0, HEAD_BYTES + len(packed) - 1))
    whole[position] ^= data.draw(st.integers(1, 255))
    assert frame.check(bytes(whole), 0, SALTS) is None


@given(st.binary(max_size=60), numbers, indexes)
def test_a_frame_of_another_segment_or_writer_is_none(packed: bytes, number: int, index: int) -> None:
    encoded = frame.encode(packed, number, index, SALTS)
    assert frame.check(encoded, 0, frame.salts("0" * 32, 4)) is None
    assert frame.check(encoded, 0, frame.salts("1" + "0" * 31, 3)) is None


@given(st.binary(max_size=60), numbers, indexes, st.data())
def test_no_part_of_a_frame_is_one(packed: bytes, number: int, index: int, data: st.DataObject) -> None:
    encoded = frame.encode(packed, number, index, SALTS)
    assert frame.check(encoded[: data.draw(st.integers(0, len(encoded) - 1))], 0, SALTS) is None


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_a_frame_is_found_behind_anything(noise: bytes, packed: bytes) -> None:
    encoded = frame.encode(packed, 1, 7, SALTS)
    assert frame.find(noise + encoded, 0, SALTS) == len(noise)
    assert frame.find(noise, 0, SALTS) is None


def test_the_head_says_how_much_is_needed() -> None:
    encoded = frame.encode(b"x" * 100, 0, 0, SALTS)
    assert frame.needed(encoded[:HEAD_BYTES]) == len(encoded)
    assert frame.needed(encoded[: HEAD_BYTES - 1]) == 0
    assert frame.needed(bytes(HEAD_BYTES)) == 0
