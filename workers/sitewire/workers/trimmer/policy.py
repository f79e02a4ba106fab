"""How much of the metrics stream is to go, if nobody needs it. Pure."""

from __future__ import annotations

from math import ceil
from typing import Final

from sitewire.schemas.limits import MAX_ENVELOPE_BYTES
from sitewire.workers.trimmer.reading import StreamState

HEADROOM: Final = 2 * MAX_ENVELOPE_BYTES
"""Bytes of the bound that are never kept: a stream that refuses new messages has to have room for the largest."""

_SLACK: Final = 128
"""What is over by less than this part of the bound is left for the next turn: a purge costs by its number."""


def limit(max_bytes: int, share: float) -> int:
    """Return the bytes that may stay in a stream of that bound."""
    return max(min(int(max_bytes * share), max_bytes - max(HEADROOM, max_bytes // 16)), 0)


def over_share(state: StreamState, share: float) -> int:
    """Return up to which sequence to purge next, so that the stream comes down to its share; 0 for nothing.

    Nothing says how large the oldest messages are. By the average it goes half of the way at a time, so that large
    ones at the old end do not take with them what should be kept; ask again until it says 0.
    """
    if state.max_bytes <= 0 or not state.messages:
        return 0
    excess = state.bytes - limit(state.max_bytes, share)
    if excess <= state.max_bytes // _SLACK:
        return 0
    span = state.last - state.first + 1
    return state.first - 1 + max(ceil(span * excess / state.bytes / 2), 1)
