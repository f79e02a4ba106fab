"""What the real client does online, as the sink relies on it: rows, resuming, and refusals that it swallows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.wandb.client import log
from support.wandb.standin import Fault, StandIn, Where


@pytest.fixture(autouse=True)
def _no_faults(standin: StandIn) -> Iterator[None]:
    yield
    standin.faults.clear()


def _rows(standin: StandIn, run: str) -> list[int]:
    return [row["row"] for row in standin.run("project", run).history]


def test_a_run_arrives_with_its_rows_config_summary_and_end(standin: StandIn, tmp_path: Path) -> None:
    assert log(standin, tmp_path, range(5), run="whole", config={"lr": 1}, exit_code=3) == [{"resumed": False}]
    run = standin.run("project", "whole")
    assert [row["_step"] for row in run.history] == _rows(standin, "whole") == [0, 1, 2, 3, 4]
    assert (run.values, run.summary["loss"], run.state, run.exit_code) == ({"lr": 1}, 2, "failed", 3)


def test_a_run_that_is_resumed_goes_on_behind_its_last_line_and_drops_lower_steps(
    standin: StandIn, tmp_path: Path
) -> None:
    told = log(standin, tmp_path, range(5), range(3, 8), run="resumed", resume="allow")
    assert told == [{"resumed": False}, {"resumed": True}]
    assert _rows(standin, "resumed") == [0, 1, 2, 3, 4, 5, 6, 7]


def test_a_client_without_resume_writes_its_rows_behind_those_that_are_there(standin: StandIn, tmp_path: Path) -> None:
    log(standin, tmp_path, range(5), range(3), run="anew")
    assert _rows(standin, "anew") == [0, 1, 2, 3, 4, 0, 1, 2]


def test_a_client_that_is_killed_takes_with_it_what_was_not_sent(standin: StandIn, tmp_path: Path) -> None:
    log(standin, tmp_path, range(5), range(5, 9), run="killed", resume="allow", die=True)
    log(standin, tmp_path, range(9, 10), run="killed", resume="allow")
    assert set(_rows(standin, "killed")) >= {0, 1, 2, 3, 4, 9}
    assert standin.run("project", "killed").rewritten == 0


def test_one_refusal_of_the_file_stream_ends_the_upload_and_neither_log_nor_finish_says_so(
    standin: StandIn, tmp_path: Path
) -> None:
    refused = standin.faults.add(Fault(Where.FILE_STREAM, "refused", 403, times=1))
    assert log(standin, tmp_path, range(5), run="refused") == [{"resumed": False}]
    assert refused.met == 1
    assert _rows(standin, "refused") == []


def test_a_fault_of_the_server_is_tried_again_with_the_same_lines(standin: StandIn, tmp_path: Path) -> None:
    failed = standin.faults.add(Fault(Where.FILE_STREAM, "failed", 500, times=1, applied=True))
    assert log(standin, tmp_path, range(5), run="failed") == [{"resumed": False}]
    assert failed.met == 1
    assert _rows(standin, "failed") == [0, 1, 2, 3, 4]


def test_a_server_that_asks_for_patience_is_left_alone_that_long(standin: StandIn, tmp_path: Path) -> None:
    throttled = standin.faults.add(Fault(Where.FILE_STREAM, "throttled", 429, times=1, retry_after=2))
    assert log(standin, tmp_path, range(5), run="throttled") == [{"resumed": False}]
    assert throttled.met == 1
    assert _rows(standin, "throttled") == [0, 1, 2, 3, 4]
    times = [when for when, where, run, _ in standin.requests if (where, run) == (Where.FILE_STREAM, "throttled")]
    assert times[1] - times[0] >= 2
