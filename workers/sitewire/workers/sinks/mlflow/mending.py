"""Tags that an owner has set back who was stopped in the middle of a request, taken for dead, and continued.

Rows of two owners are the same rows, but of a tag the last value counts. What such an owner writes lies behind where
its successor began, so that one knows better; and it carries its position, which tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.sinks.mlflow.positions import encode_position, position_tag, read_positions
from sitewire.workers.sinks.mlflow.request import Request

AT_ONCE: Final = 50  # tags in a request, far below MLflow's bounds of number and size


def mending(
    tags: Mapping[str, str], committed: Mapping[StreamKey, Position], stored: Mapping[str, str]
) -> Iterator[Request]:
    """Yield requests that put tags right; none if no position has gone back.

    Args:
        tags: as they should be, without positions.
        committed: how far this owner has come.
        stored: the tags that the tracker has.

    Raises:
        PlaceUnreadable: somebody has edited a position.
    """
    there = read_positions(stored)
    if all(key in there and there[key].next >= at.next for key, at in committed.items()):
        return
    wanted = dict(tags) | {position_tag(key): encode_position(at) for key, at in committed.items()}
    wrong = [(tag, value) for tag, value in wanted.items() if stored.get(tag) != value]
    for first in range(0, len(wrong), AT_ONCE):
        request = Request()
        request.tags = dict(wrong[first : first + AT_ONCE])
        yield request
