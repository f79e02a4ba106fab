"""Accounts and receipts, joined: each state, and sums that hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.broker_config.model import Route, SinkConfig
from sitewire.deploy.accounting import Books, RunRow, make_row
from sitewire.deploy.run_state import SILENT_AFTER, Heard, RunState
from sitewire.schemas.account import Account, ClassAccount
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, Receipt, StreamKey
from sitewire.schemas.record import RecordClass
from sitewire.schemas.retry import RetryOf, new_retry_writer
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.null import NullOptions

RUN = RunKey("clinic", "job")
WRITER, SECOND = "ab" * 16, "cd" * 16
SCALARS = RecordClass.SCALARS
NOW = 1.8e9
ROUTE = Route("hq", ("metrics.*.*.>",), "beginning", SinkConfig("null", NullOptions(), Path("/"), "null:"))


def account(
    assigned: int = 10,
    published: int | None = None,
    *,
    alive: bool = False,
    ended: bool = True,
    started: float = 1.0,
    stopped: float = 0.0,
    forked: bool = False,
) -> Account:
    counts = ClassAccount(assigned, assigned if published is None else published, 0)
    return Account({SCALARS: counts}, alive, ended, {}, "default", started, forked, stopped=stopped)


def row(
    accounts: Mapping[str, Account], positions: Mapping[str, Position], *, age: float = 1.0, start: int | None = None
) -> RunRow | None:
    """Join; writers by name, all of them with scalars."""
    heard = {writer: Heard(item, NOW - age) for writer, item in accounts.items()}
    receipt = Receipt("null:", {StreamKey(writer, SCALARS): item for writer, item in positions.items()})
    return make_row(Books({RUN: heard}, {("hq", RUN): receipt}), ROUTE, RUN, start, NOW)


def state(accounts: Mapping[str, Account], positions: Mapping[str, Position], age: float = 1.0) -> RunState:
    found = row(accounts, positions, age=age)
    assert found is not None
    return found.state


DONE = Position(delivered=10)


@pytest.mark.parametrize(
    ("accounts", "positions", "age", "expected"),
    [
        ({WRITER: account()}, {WRITER: DONE}, 1, RunState.COMPLETE),
        ({WRITER: account(alive=True, ended=False)}, {WRITER: DONE}, 1, RunState.RUNNING),
        ({WRITER: account(alive=True, ended=False)}, {WRITER: DONE}, SILENT_AFTER + 1, RunState.SILENT),
        ({WRITER: account()}, {WRITER: DONE}, SILENT_AFTER + 1, RunState.COMPLETE),
        ({WRITER: account(ended=False)}, {WRITER: DONE}, 1, RunState.CRASHED),
        ({WRITER: account(12, 10)}, {WRITER: DONE}, 1, RunState.RUNNING),
        ({WRITER: account(12)}, {WRITER: DONE}, 1, RunState.RUNNING),
        ({WRITER: account(12)}, {WRITER: replace(DONE, holes={HoleName.DROPPED: 2})}, 1, RunState.SHORT),
        ({WRITER: account(12)}, {WRITER: replace(DONE, refused=2)}, 1, RunState.SHORT),
        ({WRITER: account(12)}, {WRITER: replace(DONE, dead_letters=2)}, 1, RunState.SHORT),
        ({WRITER: account(12)}, {WRITER: replace(DONE, filtered=2)}, 1, RunState.COMPLETE),
        ({}, {WRITER: DONE}, 1, RunState.RUNNING),
        (
            {WRITER: account(ended=False, started=1), SECOND: account(alive=True, ended=False, started=2)},
            {WRITER: DONE, SECOND: DONE},
            1,
            RunState.RUNNING,
        ),
        (
            {WRITER: account(ended=False, started=1), SECOND: account(started=2)},
            {WRITER: DONE, SECOND: DONE},
            1,
            RunState.COMPLETE,
        ),
        (
            {WRITER: account(started=1), SECOND: account(ended=False, started=2)},
            {WRITER: DONE, SECOND: DONE},
            1,
            RunState.CRASHED,
        ),
        (
            {WRITER: account(ended=False, stopped=5), SECOND: account(started=3, stopped=6, forked=True)},
            {WRITER: DONE, SECOND: DONE},
            1,
            RunState.CRASHED,
        ),
        (
            {WRITER: account(stopped=6), SECOND: account(ended=False, started=3, stopped=5, forked=True)},
            {WRITER: DONE, SECOND: DONE},
            1,
            RunState.COMPLETE,
        ),
        (
            {WRITER: account(ended=False, stopped=5), SECOND: account(alive=True, ended=False, started=3)},
            {WRITER: DONE, SECOND: DONE},
            1,
            RunState.CRASHED,
        ),
    ],
    ids=[
        "ended and delivered",
        "alive",
        "alive by its own account, and not heard of for long",
        "complete for long",
        "gone without an end",
        "ended, not all sent",
        "ended, not all delivered",
        "ended, with holes",
        "ended, with kinds that the sink cannot hold",
        "ended, with dead letters",
        "ended, with what the filter left out",
        "no account yet",
        "one crashed, a later one goes on",
        "one crashed, a later one has ended",
        "a later one crashed",
        "a killed process whose child ended later",
        "a child that is gone without an end",
        "one of two is gone, the other goes on",
    ],
)
def test_the_state_of_a_run(
    accounts: Mapping[str, Account], positions: Mapping[str, Position], age: float, expected: RunState
) -> None:
    assert state(accounts, positions, age) == expected


def test_a_resumed_run_says_which_attempt_it_is() -> None:
    first, second = account(ended=False, stopped=5), account(started=9, stopped=12)
    found = row({WRITER: first, SECOND: second}, {WRITER: DONE, SECOND: DONE})
    assert found is not None
    assert (found.state, found.attempt) == (RunState.COMPLETE, 2)


def test_a_delivery_ahead_of_the_account_counts_as_sent() -> None:
    found = row({WRITER: account(4, 4, alive=True, ended=False)}, {WRITER: DONE})
    assert found is not None
    assert (found.logged, found.sent, found.pending) == (10, 10, 0)


def test_a_route_from_the_middle_counts_from_its_base() -> None:
    found = row({WRITER: account(30)}, {WRITER: Position(base=20, delivered=10)}, start=77)
    assert found is not None
    assert (found.logged, found.sent, found.delivered, found.pending) == (10, 10, 10, 0)


def test_a_route_that_began_behind_all_of_a_run_has_no_row() -> None:
    assert row({WRITER: account(30)}, {}, start=77) is None


counts = st.integers(0, 50)
positions = st.builds(
    Position,
    base=counts,
    delivered=counts,
    filtered=counts,
    refused=counts,
    dead_letters=counts,
    holes=st.dictionaries(st.sampled_from(HoleName), counts, max_size=4),
)
accounts = st.builds(
    lambda published, more, alive, ended: account(published + more, published, alive=alive, ended=ended),
    counts,
    counts,
    st.booleans(),
    st.booleans(),
)
writers = st.sampled_from([WRITER, SECOND, RetryOf.RECORDS + WRITER[8:], RetryOf.MESSAGES + WRITER[8:]])


@given(st.dictionaries(writers, accounts), st.dictionaries(writers, positions), st.none() | st.just(5))
def test_the_terms_of_every_row_add_up(
    heard: Mapping[str, Account], done: Mapping[str, Position], start: int | None
) -> None:
    found = row(heard, done, start=start)
    if found is None:
        assert not done
        return
    fates = found.delivered + found.filtered + found.refused + found.dead_letters + found.gaps
    assert found.sent == fates + found.pending
    assert found.pending >= 0
    assert found.logged >= found.sent
    assert found.gaps == sum(found.holes.values())
    if found.state in (RunState.COMPLETE, RunState.SHORT):
        assert found.done


AGAIN = new_retry_writer(RetryOf.RECORDS)
MENDED = new_retry_writer(RetryOf.MESSAGES)


def test_a_dead_letter_that_was_sent_again_becomes_what_became_of_it_and_is_counted_once() -> None:
    first = replace(DONE, delivered=6, dead_letters=4)
    again = Position(delivered=2, dead_letters=1)
    found = row({WRITER: account()}, {WRITER: first, AGAIN: again})
    assert found is not None
    assert (found.logged, found.sent, found.delivered, found.dead_letters, found.pending) == (10, 10, 8, 2, 0)
    assert found.state is RunState.SHORT


def test_a_run_whose_dead_letters_have_all_been_delivered_is_complete() -> None:
    found = row({WRITER: account()}, {WRITER: replace(DONE, delivered=6, dead_letters=4), AGAIN: Position(delivered=4)})
    assert found is not None
    assert (found.state, found.delivered, found.dead_letters) == (RunState.COMPLETE, 10, 0)


def test_a_message_that_can_be_read_after_all_leaves_its_hole() -> None:
    first = replace(DONE, delivered=4, holes={HoleName.DAMAGED: 5, HoleName.DROPPED: 1})
    found = row({WRITER: account()}, {WRITER: first, MENDED: Position(delivered=4, refused=1)})
    assert found is not None
    assert (found.logged, found.sent, found.delivered, found.refused) == (10, 10, 8, 1)
    assert found.holes == {HoleName.DROPPED: 1}
    assert found.gaps == 1


def test_a_place_that_was_filled_anew_counts_what_was_sent_again_to_it_for_itself() -> None:
    found = row({WRITER: account()}, {WRITER: DONE, AGAIN: Position(delivered=2)})
    assert found is not None
    assert (found.logged, found.sent, found.delivered, found.dead_letters, found.pending) == (12, 12, 12, 0, 0)
