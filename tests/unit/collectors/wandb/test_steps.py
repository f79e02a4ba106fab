"""The implicit step, beside the original's."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sitewire.collectors import wandb
from sitewire.collectors.wandb.steps import Steps
from sitewire.schemas import limits
from support.trainer import scalars
from support.wandb.reader import read_runs

_CALLS = st.lists(st.tuples(st.none() | st.integers(-3, 6), st.sampled_from([None, True, False])), max_size=6)


@settings(max_examples=60, deadline=None)
@given(_CALLS)
def test_the_current_step_is_the_originals_after_any_calls(
    original_run: Any, calls: list[tuple[int | None, bool | None]]
) -> None:
    steps = Steps()
    steps.__setstate__(original_run.step)
    for distance, commit in calls:
        step = None if distance is None else max(steps.next + distance, 0)
        original_run.log({"x": 1}, step=step, commit=commit)
        steps.take(step, commit)
        assert steps.next == original_run.step


def test_rows_are_at_the_steps_of_the_originals(original: Any, spool: Path, tmp_path: Path) -> None:
    calls: list[tuple[dict[str, float], dict[str, Any]]] = [
        ({"a": 1}, {}),
        ({"a": 2, "b": 1}, {}),
        ({"c": 3}, {"commit": False}),
        ({"d": 4}, {}),
        ({}, {}),
        ({"a": 5}, {"step": 10}),
        ({"b": 6}, {"step": 10, "commit": True}),
        ({"a": 7}, {}),
        ({"a": 8}, {"step": 20, "commit": False}),
        ({"b": 9}, {"step": 20}),
        ({"c": 10}, {}),
        ({}, {"step": 30}),
        ({"a": 11}, {"commit": True}),
    ]
    theirs = original.init(dir=str(tmp_path), reinit="create_new")
    ours = wandb.init()
    for data, how in calls:
        theirs.log(data, **how)
        ours.log(data, **how)
    theirs.finish()
    ours.finish()
    (run,) = read_runs(tmp_path).values()
    expected = [(name, value, row.number) for row in run.rows for name, value in _points(row.values)]
    assert sorted(scalars(spool)) == sorted(expected)  # the original's rows are in no order of their own


def _points(values: Any) -> list[tuple[str, float]]:
    return [(name, value) for name, value in values.items() if not name.startswith("_")]


def test_lower_steps_and_names_logged_twice_at_a_step_are_kept(spool: Path) -> None:
    with wandb.init() as run:
        run.log({"a": 1}, step=5)
        run.log({"a": 2}, step=5)
        run.log({"a": 3}, step=2, commit=True)
        run.log({"a": 4}, step=-1)
        run.log({"a": 5})
    assert scalars(spool) == [("a", 1.0, 5), ("a", 2.0, 5), ("a", 3.0, 2), ("a", 4.0, -1), ("a", 5.0, 5)]


def test_the_step_stays_at_the_largest_there_is() -> None:
    steps = Steps()
    assert [steps.take(limits.MAX_STEP, commit=True), steps.take(None, None)] == [limits.MAX_STEP] * 2


def test_threads_get_steps_of_their_own() -> None:
    steps, found, start = Steps(), list[int](), threading.Barrier(8)

    def take() -> None:
        start.wait()
        found.extend(steps.take(None, None) for _ in range(500))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(4000))


def test_a_child_that_is_forked_while_another_thread_holds_the_lock_goes_on(spool: Path) -> None:
    steps, held, over = Steps(), threading.Event(), threading.Event()

    def hold() -> None:
        with steps._lock:
            held.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(5)  # a child that waits for ever fails the test, and does not stay behind
        os._exit(0 if steps.take(None, None) == 0 else 1)
    status = os.waitpid(child, 0)[1]
    over.set()
    thread.join()
    assert status == 0


def test_a_copy_in_another_process_goes_on_from_where_it_stands() -> None:
    steps = Steps()
    steps.take(7, commit=True)
    assert pickle.loads(pickle.dumps(steps)).take(None, None) == 8  # noqa: S301  made here
