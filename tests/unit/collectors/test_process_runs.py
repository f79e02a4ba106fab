"""The runs of a process: named by their order, the same at every site."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors import Run
from sitewire.collectors.process_runs import ProcessRuns, numbered
from sitewire.schemas import limits
from sitewire.schemas.errors import NameRefused
from sitewire.schemas.subject import escape
from support.trainer import run_trainer


def _is_run(name: str) -> bool:
    try:
        escape(name)
    except NameRefused:
        return False
    return True


_IDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=64).filter(_is_run)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> ProcessRuns:
    monkeypatch.setenv("SITEWIRE_RUN", "job")
    return ProcessRuns()


def test_the_first_is_the_processes_run_and_the_next_ones_are_numbered(runs: ProcessRuns) -> None:
    assert [runs.next_run() for _ in range(3)] == [None, "job-2", "job-3"]


def test_a_chosen_id_is_not_counted_and_given_to_no_other(runs: ProcessRuns) -> None:
    assert [runs.next_run("mine"), runs.next_run(), runs.next_run("job-2"), runs.next_run("mine"), runs.next_run()] == [
        "mine", None, "job-2", "mine", "job-3",
    ]  # fmt: skip
    runs.forget()
    assert [runs.next_run("job"), runs.next_run()] == ["job", "job-2"]


def test_another_run_in_the_environment_is_counted_by_itself(
    runs: ProcessRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [runs.next_run(), runs.next_run()] == [None, "job-2"]
    monkeypatch.setenv("SITEWIRE_RUN", "other")
    assert [runs.next_run(), runs.next_run()] == [None, "other-2"]


def test_without_a_run_in_the_environment_the_made_up_one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = ProcessRuns()
    assert [runs.next_run(), runs.next_run()] == [None, f"{Run(site='s').run}-2"]


def test_where_nothing_can_be_collected_every_run_finds_that_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWIRE_RUN", "a\nb")
    runs = ProcessRuns()
    assert [runs.next_run(), runs.next_run()] == [None, None]


def test_threads_get_different_runs(runs: ProcessRuns) -> None:
    found: list[str | None] = []
    start = threading.Barrier(8)

    def take() -> None:
        start.wait()
        found.extend(runs.next_run() for _ in range(200))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1600


def test_a_forked_child_counts_anew_as_a_spawned_one_does() -> None:
    ended = run_trainer(
        """
        import os
        from sitewire.collectors.process_runs import next_run
        next_run(), next_run()
        if child := os.fork():
            os.waitpid(child, 0)
        print([next_run(), next_run()], flush=True)
        """,
        SITEWIRE_RUN="job",
    )
    assert ended.out.splitlines() == ["[None, 'job-2']", "['job-3', 'job-4']"], ended.err


@given(_IDS, st.integers(2, 10**12))
def test_a_numbered_id_is_one_and_says_its_number(run: str, number: int) -> None:
    found = numbered(run, number)
    assert len(found) <= limits.MAX_NAME_CHARACTERS
    assert len(escape(found)) <= limits.MAX_TOKEN_BYTES
    assert found.endswith(f"-{number}")
    assert found == numbered(run, number)


def test_long_ids_that_end_differently_stay_different() -> None:
    ids = ["x" * 63 + end for end in "abc"] + ["é" * 33, "é" * 32 + "x"]
    found = [numbered(run, number) for run in ids for number in (1, 2, 3)]
    assert len(set(found)) == 15
    assert all(one != two for one, two in pairwise(found))


def test_the_first_of_a_process_is_named_by_the_process_itself() -> None:
    assert numbered("x" * 64, 1) == "x" * 64
