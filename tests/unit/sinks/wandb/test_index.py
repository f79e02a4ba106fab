"""What a row's index says is what was written, however numberings mix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import RecordClass
from sitewire.workers.sinks.contract import Outcome
from sitewire.workers.sinks.progress import advanced
from sitewire.workers.sinks.wandb.index import IndexReader, IndexWriter, Slice

KEYS = [StreamKey(f"{number:032x}", name) for number in range(2) for name in RecordClass]
FATES = st.sampled_from([*Outcome, *HoleName])
Rows = list[list[tuple[StreamKey, int, Outcome | HoleName]]]
ROWS = st.lists(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 9), FATES), max_size=4), min_size=1)


@given(rows=ROWS, segments=st.integers(1, 4), base=st.integers(0, 1000))
def test_positions_are_those_of_what_was_written(rows: Rows, segments: int, base: int) -> None:
    positions: dict[StreamKey, Position] = {}
    for number in range(1, segments + 1):
        writer, reader = IndexWriter(number, positions), IndexReader()
        for row in rows:
            slices = [_next(positions, base, *item) for item in row]
            assert reader.take(writer.text(slices))
            assert reader.segment == number
        assert reader.positions == positions


def test_nothing_behind_a_row_that_is_missing_is_counted() -> None:
    writer, reader = IndexWriter(1, {}), IndexReader()
    texts = [writer.text([Slice(KEYS[0], first, 5)]) for first in (0, 5, 10)]
    assert [reader.take(texts[0]), reader.take(texts[2])] == [True, False]
    assert reader.positions == {KEYS[0]: Position(delivered=5)}


@pytest.mark.parametrize(
    "text",
    [
        "0:0+1",
        "nonsense",
        '{"v":2,"segment":1,"keys":[]}',
        '{"v":1}',
        '{"v":1,"segment":1,"keys":[["x","scalars",[]]]}',
    ],
)
def test_what_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"index|slice|version"):
        IndexReader().take(text)


def _next(
    positions: dict[StreamKey, Position], base: int, key: StreamKey, count: int, fate: Outcome | HoleName
) -> Slice:
    before = positions.setdefault(key, Position(base=base))
    positions[key] = advanced(before, fate, count)
    return Slice(key, before.next, count, fate)
