"""How much is to go: down to the share and not below, in few steps, whatever the sizes are."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.limits import MAX_ENVELOPE_BYTES
from sitewire.workers.trimmer.policy import limit, over_share
from sitewire.workers.trimmer.reading import StreamState

MIB = 1024 * 1024
MOST_STEPS = 12  # purges of one look


def state(sizes: list[int], gone: int, max_bytes: int) -> StreamState:
    """Return the state of a stream of which the first messages are gone."""
    left = sizes[gone:]
    return StreamState(len(left), sum(left), max_bytes, gone + 1, len(sizes))


@given(st.lists(st.integers(100, MAX_ENVELOPE_BYTES), min_size=1, max_size=200), st.floats(0.05, 1.0))
def test_a_stream_comes_down_to_its_share_and_loses_no_more(sizes: list[int], share: float) -> None:
    max_bytes = max(sum(sizes), 4 * MIB)
    gone = steps = 0
    while upto := over_share(state(sizes, gone, max_bytes), share):
        assert gone < upto <= len(sizes)
        gone, steps = upto, steps + 1
    left = state(sizes, gone, max_bytes).bytes
    assert left <= limit(max_bytes, share) + max_bytes // 100
    if gone:
        # The last step began above the limit and took half of what the average said was too much.
        assert left >= limit(max_bytes, share) - largest_step(sizes)


def largest_step(sizes: list[int]) -> int:
    """Return the most bytes that half as many messages as there are can have: the worst that an average hides."""
    return max(accumulate(sorted(sizes, reverse=True)[: (len(sizes) + 1) // 2]))


@given(st.integers(1, 5000), st.integers(100, 2000))
def test_a_stream_of_equal_messages_keeps_its_share_to_the_message_and_takes_few_steps(count: int, size: int) -> None:
    sizes = [size] * count
    max_bytes = max(sum(sizes), 4 * MIB)
    gone = steps = 0
    while upto := over_share(state(sizes, gone, max_bytes), 0.5):
        gone, steps = upto, steps + 1
    assert steps <= MOST_STEPS
    if gone:
        assert state(sizes, gone, max_bytes).bytes > limit(max_bytes, 0.5) - size


@given(st.integers(MIB, 2**45))
def test_a_full_stream_that_may_keep_all_has_room_for_the_largest_message_all_the_same(max_bytes: int) -> None:
    assert max_bytes - limit(max_bytes, 1.0) >= min(2 * MAX_ENVELOPE_BYTES, max_bytes)


def test_a_stream_without_a_bound_has_no_share() -> None:
    assert over_share(StreamState(10, 10**12, -1, 1, 10), 0.5) == 0


def test_an_empty_stream_has_nothing_to_lose() -> None:
    assert over_share(StreamState(0, 0, MIB, 11, 10), 0.5) == 0
