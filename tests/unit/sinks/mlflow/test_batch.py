"""Requests: within MLflow's limits, nothing lost between two of them, and each says how far it goes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.validation import (
    MAX_BATCH_LOG_REQUEST_SIZE,
    _validate_batch_log_data,
    _validate_batch_log_limits,
    _validate_param_keys_unique,
)

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import OutOfOrder, PlaceUnreadable
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.mlflow.batch import Batch
from sitewire.workers.sinks.mlflow.forms import Writer
from sitewire.workers.sinks.mlflow.known import Known
from sitewire.workers.sinks.mlflow.positions import position_tag, read_positions
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.mlflow.server import encode
from sitewire.workers.sinks.mlflow.tracked import Tracked
from sitewire.workers.sinks.progress import Progress
from sitewire.workers.sinks.testing.samples import scalars, span, stream
from support.mlflow.contents import expected_contents
from support.mlflow.owners import record

EMPTY = Tracked("0", "0", deleted=False, status="RUNNING", start=0, end=None, artifact_uri="", params={}, tags={})

NAMES = st.sampled_from(["a", "b/c", "odd@name", "n" * 300, "😀" * 240])
TEXTS = st.sampled_from(["", "x", "ä" * 5999, "\x01" * 7000, "😀" * 9000])
FLOATS = st.floats(-1e300, 1e300) | st.sampled_from([math.nan, math.inf, -math.inf])
RECORDS = st.one_of(
    st.builds(lambda n, v, t: record(Kind.SCALAR, n, v, at=t), NAMES, FLOATS, st.integers(0, 50)),
    st.builds(lambda n, i, v: record(Kind.PARAM, f"{n}{i}", v), NAMES, st.integers(0, 300), TEXTS),
    st.builds(lambda n, i, v: record(Kind.TAG, f"{n}{i}", v), NAMES, st.integers(0, 300), TEXTS),
    st.builds(lambda n, v: record(Kind.SUMMARY, n, v), NAMES, FLOATS),
    st.builds(lambda n, v, s: record(Kind.TEXT, n, v, step=s), NAMES, TEXTS, st.none() | st.integers(0, 9)),
    st.builds(
        lambda count, v: record(Kind.HPARAMS, "h", {"params": {f"{v[:3]}{n}": v for n in range(count)}, "metrics": ()}),
        st.integers(0, 250),
        TEXTS,
    ),
)


def requests_of(deliveries: list[Delivery], most: int | None = None) -> tuple[list[Request], Progress]:
    progress = Progress({})
    batch = Batch(Known(EMPTY), progress, most)
    writer = Writer(batch, RunKey("clinic", "job"))
    for delivery in deliveries:
        batch.take(delivery, writer.write)
    return list(batch.finish()), progress


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.lists(RECORDS, max_size=20)), max_size=50))
def test_whatever_comes_mlflow_takes_each_request_and_the_last_says_where_everything_stands(
    parts: list[tuple[int, list[Record]]],
) -> None:
    nexts: dict[StreamKey, int] = {}
    deliveries = []
    for writer, records in parts:
        key = stream(writer)
        deliveries.append(span(key, nexts.get(key, 0), records))
        nexts[key] = deliveries[-1].stretch.end
    deliveries = [item for item in deliveries if item.stretch.end > item.stretch.first]
    requests, progress = requests_of(deliveries)
    for request in requests:
        _check(request)
    told: dict[str, str] = {}
    for request in requests:
        told |= request.tags
    assert read_positions(told) == progress.written
    assert {key: at.next for key, at in progress.written.items()} == {key: end for key, end in nexts.items() if end}
    assert _points(requests) == _wanted([one for _, records in parts for one in records])


@given(st.integers(1, 40))
def test_a_request_says_no_more_than_what_it_and_those_before_it_hold(most: int) -> None:
    requests, _ = requests_of([scalars(stream(1), 0, 60), scalars(stream(2), 7, 30)], most)
    held = 0
    for request in requests:
        held += len(request.metrics)
        assert len(request.metrics) <= most
    assert held == 83
    points = 0
    positions: dict[StreamKey, Position] = {}
    for request in requests:
        points += len(request.metrics)
        positions |= read_positions(request.tags)
        assert sum(at.delivered for at in positions.values()) == points


def test_what_is_not_delivered_is_counted_without_a_row() -> None:
    key = stream(1)
    refused = Delivery(key, scalars(key, 3, 5).stretch, Outcome.REFUSED)
    requests, _ = requests_of([scalars(key, 0, 3), refused, Delivery(key, Hole(HoleName.DROPPED, 5, 7))])
    (request,) = requests
    assert len(request.metrics) == 3
    assert read_positions(request.tags) == {key: Position(0, 3, 0, 2, 0, {HoleName.DROPPED: 7})}


def test_a_delivery_that_does_not_follow_is_refused() -> None:
    with pytest.raises(OutOfOrder):
        requests_of([scalars(stream(1), 0, 3), scalars(stream(1), 4, 5)])


@pytest.mark.parametrize("value", ["", "[]", "[0,1]", "{}", "[0,-1,0,0,0,{}]", '[0,0,0,0,0,{"new":1}]'])
def test_a_position_that_somebody_has_edited_is_no_position(value: str) -> None:
    with pytest.raises(PlaceUnreadable, match="tag sitewire"):
        read_positions({position_tag(stream(1)): value})


def test_long_names_that_are_not_ascii_are_counted_by_their_bytes() -> None:
    points = [record(Kind.SCALAR, "\U00020000" * 245, -1 / 3 * 1e-300, at=n, step=-(2**63)) for n in range(2000)]
    requests, _ = requests_of([span(stream(1), 0, points)])
    assert sum(len(request.metrics) for request in requests) == 2000
    assert max(len(encode("0" * 32, request)) for request in requests) <= MAX_BATCH_LOG_REQUEST_SIZE


def _check(request: Request) -> None:
    metrics = [Metric(one.key, one.value, one.time, one.step) for one in request.metrics]
    params = [Param(key, value) for key, value in request.params.items()]
    tags = [RunTag(key, value) for key, value in request.tags.items()]
    whole = _validate_batch_log_data(metrics, params, tags)
    _validate_batch_log_limits(*whole)
    _validate_param_keys_unique(params)
    assert [(one.key, one.value) for one in whole[1]] == [
        (one.key, one.value) for one in params
    ]  # nothing is cut there
    assert len(encode("0" * 32, request)) < MAX_BATCH_LOG_REQUEST_SIZE


def _points(requests: list[Request]) -> set[tuple[str, int, int, str]]:
    return {(one.key, one.time, one.step, repr(one.value + 0.0)) for request in requests for one in request.metrics}


def _wanted(records: list[Record]) -> set[tuple[str, int, int, str]]:
    return {
        (name, *point[:2], point[2].replace("1.7976931348623157e+308", "inf"))
        for (what, name), point in expected_contents(records)
        if what == "metric"
    }
