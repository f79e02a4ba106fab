"""Attempts of a run: by overlapping lives, in any order in which accounts are heard of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.account import Account
from sitewire.schemas.attempt import attempts
from sitewire.schemas.ending import Ending, EndingState


def lived(
    started: float, stopped: float | None, *, ended: bool = True, forked: bool = False, failed: bool = False
) -> Account:
    """Return the account of a writer that lived from ... to; None: it lives."""
    alive = stopped is None
    return Account(
        {},
        alive=alive,
        ended=ended and not alive,
        started=started,
        forked=forked,
        failed=failed,
        stopped=stopped or 0.0,
    )


def last(*accounts: Account) -> Ending:
    return attempts({f"{number:032x}": account for number, account in enumerate(accounts)})[-1].ending


def test_processes_side_by_side_are_one_attempt() -> None:
    assert last(lived(1, 10), lived(2, 11), lived(9, 12)) == Ending(EndingState.FINISHED, 1, 12)


def test_who_begins_after_all_earlier_ones_had_stopped_begins_the_next_attempt() -> None:
    assert last(lived(1, 10, ended=False), lived(2, 11), lived(11.001, None)) == Ending(EndingState.RUNNING, 2, 11.001)


def test_a_killed_main_process_is_not_hidden_by_a_child_that_ended_later() -> None:
    killed, child = lived(1, 10, ended=False), lived(5, 12, forked=True)
    assert last(killed, child) == Ending(EndingState.FAILED, 1, 12)


def test_a_killed_main_process_is_not_hidden_by_a_child_that_began_to_log_later() -> None:
    killed, child = lived(1, 10, ended=False), lived(11, 12, forked=True)
    assert last(killed, child) == Ending(EndingState.FAILED, 1, 12)
    assert last(killed, child, lived(20, 30)) == Ending(EndingState.FINISHED, 2, 30)


def test_a_forked_child_that_is_gone_without_an_end_is_no_crash() -> None:
    assert last(lived(1, 10), lived(2, 3, ended=False, forked=True)) == Ending(EndingState.FINISHED, 1, 10)


def test_a_process_that_ended_with_an_error_has_failed_the_run_and_a_child_has_not() -> None:
    assert last(lived(1, 10, failed=True)).state is EndingState.FAILED
    assert last(lived(1, 10), lived(2, 9, failed=True, forked=True)).state is EndingState.FINISHED


def test_a_crash_that_was_resumed_and_finished_has_finished() -> None:
    assert last(lived(1, 10, ended=False), lived(20, 30)) == Ending(EndingState.FINISHED, 2, 30)


def test_of_a_writer_whose_stop_is_not_known_only_its_begin_counts() -> None:
    assert [attempt.number for attempt in attempts({"a": lived(1, 0.0, ended=False), "b": lived(2, 3)})] == [1, 2]


lives = st.tuples(st.floats(0, 100), st.none() | st.floats(0, 100)).map(
    lambda life: lived(life[0], None if life[1] is None else life[0] + life[1])
)


@given(st.dictionaries(st.integers(0, 99).map("{:032x}".format), lives, max_size=8))
def test_attempts_hold_each_writer_once_and_never_overlap(accounts: Mapping[str, Account]) -> None:
    found = attempts(dict(reversed(list(accounts.items()))))
    assert [attempt.number for attempt in found] == list(range(1, len(found) + 1))
    assert sorted(writer for attempt in found for writer in attempt.accounts) == sorted(accounts)
    for earlier, later in pairwise(found):
        assert earlier.stopped < later.started
    for attempt in found:
        ends = [math.inf if item.alive else item.stopped for item in attempt.accounts.values()]
        begins = sorted(item.started for item in attempt.accounts.values())
        assert attempt.started == begins[0]
        assert attempt.stopped == max(ends)
    assert attempts(accounts) == found
