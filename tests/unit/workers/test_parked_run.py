"""What the bucket of parked runs holds: read back as written, and never less careful than it must be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.limits import MAX_INDEX
from sitewire.schemas.subject import RunKey
from sitewire.workers.parked_run import MAX_REASON, ParkedKey, ParkedRun, parked_key, parse_parked_key

_PLAIN = st.characters(exclude_categories=["Cs"])


@given(
    sequence=st.integers(0, MAX_INDEX),
    reason=st.text(_PLAIN, max_size=MAX_REASON),
    since=st.floats(0, 2**40, exclude_max=True),
)
def test_a_parked_run_comes_back_as_it_was_written(sequence: int, reason: str, since: float) -> None:
    parked = ParkedRun(sequence, reason, since)

    assert ParkedRun.decode(parked.encode()) == parked


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_what_cannot_be_read_holds_everything(data: bytes) -> None:
    assert ParkedRun.decode(data).sequence == 0


@pytest.mark.parametrize("sequence", [-1, True, 2.5, "7", None, MAX_INDEX + 1, 10**30])
def test_a_sequence_that_is_none_holds_everything(sequence: object) -> None:
    assert ParkedRun.decode(json.dumps({"sequence": sequence, "reason": "x", "since": 1.0}).encode()).sequence == 0


def test_nesting_without_end_holds_everything() -> None:
    assert ParkedRun.decode(b"[" * 200_000).sequence == 0


@pytest.mark.parametrize("since", ["NaN", "Infinity", "-1", '"x"', "null", "true", "9" * 400])
def test_a_time_that_is_none_is_unknown(since: str) -> None:
    parked = ParkedRun.decode(f'{{"sequence": 9, "reason": "x", "since": {since}}}'.encode())

    assert parked == ParkedRun(9, "x", 0.0)


def test_a_reason_can_be_printed_and_has_an_end() -> None:
    assert ParkedRun.decode(b'{"sequence": 1, "reason": "\\ud800"}').reason == "?"
    assert len(ParkedRun.decode(ParkedRun(1, "x" * 10_000, 0.0).encode()).reason) == MAX_REASON


@given(site=st.text(_PLAIN, min_size=1, max_size=15), run=st.text(_PLAIN, min_size=1, max_size=15))
def test_a_key_comes_back_as_it_was_written(site: str, run: str) -> None:
    key = parked_key("hq-mlflow", 3, RunKey(site, run))

    assert parse_parked_key(key) == ParkedKey("hq-mlflow", 3, site, run)


@pytest.mark.parametrize("key", ["", "a", "a.0.b", "a.8.b.c", "a.00.b.c", "A.0.b.c", "a.0.b.c.d", "a.0.b=.c", "a.0..c"])
def test_a_key_of_another_form_is_none(key: str) -> None:
    assert parse_parked_key(key) is None
