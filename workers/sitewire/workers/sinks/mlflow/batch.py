"""A batch, cut into requests within MLflow's limits; each carries how far it goes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Record
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.mlflow.known import COLLAPSED_TAG, Known
from sitewire.workers.sinks.mlflow.positions import encode_position, position_tag
from sitewire.workers.sinks.mlflow.request import Metric, Request
from sitewire.workers.sinks.progress import Progress

MOST_KEYS: Final = 40
"""Numberings in a request: the tags of their positions leave room for others."""
MOST_FILES: Final = 100
"""Artifacts before one request: they are sent one by one, and after a failure once more."""

_POINT: Final = 90  # bytes of a point's JSON beside its name
_PAIR: Final = 24  # of a param's or tag's, beside name and value
_POSITION: Final = 260  # of a position's tag
_SPARE: Final = 2  # tags that a request gets when it is closed, beside the positions before


class Batch:
    """Requests in the making: records are put in one after another, and one of them may take several requests.

    Args:
        known: what the run has; afterwards what it will have.
        progress: moved by what is counted.
        most: records of one request, if it shall be less than MLflow takes.

    Attributes:
        requests: those that are done, in the order in which they have to be sent.
    """

    def __init__(self, known: Known, progress: Progress, most: int | None = None) -> None:
        self.requests: list[Request] = []
        self.known = known
        self._progress = progress
        self._most = most
        self._request = Request()
        self._touched: dict[StreamKey, None] = {}
        self._records = 0
        self._seen: set[tuple[str, int, int, float | None]] = set()
        self._span: _OpenSpan | None = None

    def take(self, delivery: Delivery, write: Callable[[Record], None]) -> None:
        """Count a delivery, and have what is to be delivered of it written.

        Args:
            delivery: the next of its numbering.
            write: puts a record into this batch.

        Raises:
            OutOfOrder: it does not begin where the numbering stands.
        """
        if delivery.key not in self._touched and len(self._touched) == MOST_KEYS:
            self._close()
        stretch = delivery.stretch
        if isinstance(stretch, Span) and delivery.outcome is Outcome.DELIVERED:
            self._take_span(delivery.key, stretch, write)
        else:
            self._count(delivery)

    def finish(self) -> Sequence[Request]:
        """Return all requests."""
        if self._touched:
            self._close()
        return self.requests

    def metric(self, key: str, value: float, time: int, step: int) -> None:
        """Put in a point, unless it is one that MLflow does not tell from one before: that one is counted."""
        seen = (time, step, value if value == value else None)  # noqa: PLR0124  NaN is not itself
        if self.known.last.get(key) == seen or (key, *seen) in self._seen:
            self.known.collapsed += 1
            return
        self.known.last[key] = seen
        self._seen.add((key, *seen))
        size = _POINT + len(key.encode())
        self._make_room(size, metrics=1)
        self._request.metrics.append(Metric(key, value, time, step))
        self._request.size += size

    def param(self, key: str, value: str) -> None:
        """Put in a param that the run has not got."""
        size = _size(key, value)
        self._make_room(size, params=1)
        self._request.params[key] = self.known.params[key] = value
        self._request.size += size

    def tag(self, key: str, value: str) -> None:
        """Put in a tag; the last one counts."""
        size = _size(key, value)
        self._make_room(size, tags=1)
        self._request.tags[key] = self.known.tags[key] = value
        self._request.size += size

    def file(self, path: str, text: str) -> None:
        """Put in an artifact, which is there before the request's records are counted; the last one counts."""
        if len(self._request.files) == MOST_FILES:
            self._close()
        self._request.files[path] = text

    def _take_span(self, key: StreamKey, span: Span, write: Callable[[Record], None]) -> None:
        self._span = _OpenSpan(key, span)
        for record in span.records:
            if self._records == self._most:
                self._close()
            write(record)
            self._span.at += 1
            self._records += 1
        self._count_span()
        self._span = None

    def _make_room(self, size: int, *, metrics: int = 0, params: int = 0, tags: int = 0) -> None:
        later = len(self._touched) + _SPARE
        size += later * _POSITION
        if not self._request.room(size, metrics=metrics, params=params, tags=tags + later):
            self._close()

    def _close(self) -> None:
        """Begin another request; this one says how far it goes: up to the record that is being put in."""
        self._count_span()
        for key in self._touched:
            self._request.tags[position_tag(key)] = encode_position(self._progress.written[key])
        collapsed = str(self.known.collapsed)
        if self.known.collapsed and self.known.tags.get(COLLAPSED_TAG) != collapsed:
            self._request.tags[COLLAPSED_TAG] = self.known.tags[COLLAPSED_TAG] = collapsed
        self.requests.append(self._request)
        self._request = Request()
        self._touched.clear()
        self._records = 0

    def _count_span(self) -> None:
        if self._span is not None and (done := self._span.done()) is not None:
            self._count(done)

    def _count(self, delivery: Delivery) -> None:
        self._progress.write(delivery)
        self._touched[delivery.key] = None


class _OpenSpan:
    """A delivery that is being put in.

    Attributes:
        at: how many of its records are in.
    """

    def __init__(self, key: StreamKey, span: Span) -> None:
        self.at = 0
        self._key = key
        self._span = span
        self._counted = 0

    def done(self) -> Delivery | None:
        """Return what is in, and was not returned before."""
        first, self._counted = self._counted, self.at
        if first == self.at:
            return None
        return Delivery(self._key, Span(self._span.first + first, self._span.records[first : self.at]))


def _size(key: str, value: str) -> int:
    return _PAIR + len(key.encode()) + len(json.dumps(value, ensure_ascii=False).encode())
