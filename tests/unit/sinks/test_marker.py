"""Markers are read as they were written, are no reader's business, and those of a later version are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.sinks.contract import Outcome
from sitewire.workers.sinks.tensorboard.events import WRITTEN, EventEncoder, first_event, marker_event, marker_text
from sitewire.workers.sinks.tensorboard.marker import Marker, Slice, decode_marker, encode_marker
from sitewire.workers.sinks.tensorboard.session import Session
from sitewire.workers.sinks.testing.samples import VALUES

COUNTS = st.integers(0, 2**50)
HOLES = st.dictionaries(st.sampled_from(HoleName), COUNTS)
POSITIONS = st.builds(Position, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, HOLES)
KEYS = st.builds(
    StreamKey, st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}"), st.sampled_from(RecordClass)
)
PARAMS = st.text() | st.integers() | st.floats(allow_nan=False) | st.booleans()


@st.composite
def markers(draw: st.DrawFn) -> Marker:
    before = draw(st.dictionaries(KEYS, POSITIONS, min_size=1, max_size=4))
    key = st.sampled_from(list(before))
    fate = st.sampled_from([*Outcome, *HoleName])
    slices = st.lists(st.builds(Slice, key, COUNTS, COUNTS, fate, st.booleans()), max_size=5)
    ranges = st.lists(
        st.builds(lambda first, count: range(first, first + count), COUNTS, st.integers(1, 99)), min_size=1
    )
    return Marker(
        draw(COUNTS),
        before,
        tuple(draw(slices)),
        tuple(draw(st.lists(COUNTS))),
        draw(st.dictionaries(st.text(), st.tuples(COUNTS, COUNTS), max_size=3)),
        draw(st.none() | st.dictionaries(key, ranges)),
        draw(st.builds(Session, st.dictionaries(st.text(), PARAMS, max_size=3), st.booleans(), st.booleans())),
    )


@given(markers())
def test_a_marker_is_read_as_it_was_written(marker: Marker) -> None:
    text = encode_marker(marker)
    assert text.isascii()
    assert decode_marker(text) == marker
    assert marker_text(marker_event(1.7e9, text)) == text


@given(
    st.sampled_from(sorted(WRITTEN)),
    st.text(min_size=1, max_size=50),
    st.floats(0, 2e11),
    st.integers(-(2**63), 2**63 - 1),
)
def test_no_record_is_taken_for_a_marker(kind: Kind, name: str, time: float, step: int) -> None:
    data = EventEncoder().encode(Record(kind, name, VALUES[kind], time, step), step)
    assert marker_text(data) is None
    assert marker_text(first_event(1.7e9)) is None


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "hello", '{"v":2}', '{"v":1,"b":1}', '{"v":1,"b":1,"keys":[[1,2,3]],"slices":[]}']
)
def test_another_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"marker|JSON|Expecting"):
        decode_marker(text)
