"""What a run writes, and that nothing passed to it can disturb the training."""

from __future__ import annotations

import gc
import itertools
import logging
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from sitewire.collectors import Run, lifecycle
from sitewire.collectors import run as run_module
from sitewire.collectors.recorder import RETRY_INTERVAL
from sitewire.schemas.record import Kind
from support.trainer import scalars, writers


def test_making_a_run_writes_nothing(spool: Path, run: Run) -> None:
    assert not spool.exists()
    run.finish()
    assert not spool.exists()


def test_a_run_begins_with_its_origin_and_ends_with_its_status(spool: Path) -> None:
    before = time.time()
    with Run("job", site="clinic", experiment="exp", spool=spool) as run:
        run.log_scalar("loss", 0.5, 1)
    (written,) = writers(spool)
    kinds = [record.kind for record in written.records]
    assert sorted(kinds) == sorted([Kind.RUN_START, Kind.SCALAR, Kind.RUN_END])
    start = next(record for record in written.records if record.kind is Kind.RUN_START)
    assert isinstance(start.value, Mapping)
    assert set(start.value) == {"experiment", "host", "pid", "python", "sitewire", "started"}
    assert start.value["experiment"] == "exp"
    assert before <= start.time <= time.time()
    assert written.status == "finished"
    assert written.directory.ended
    identity = written.directory.identity
    assert (identity.site, identity.run, identity.experiment, identity.url) == ("clinic", "job", "exp", None)


def test_an_exception_fails_the_run_and_goes_on(spool: Path) -> None:
    def train() -> None:
        with Run("job", spool=spool) as run:
            run.log_scalar("loss", 0.5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert writers(spool)[0].status == "failed"


def test_scalars_come_back_in_order_with_their_steps_and_times(spool: Path, run: Run) -> None:
    run.log_scalar("a", 1.0)
    run.log_scalar("a", 2.0, 5)
    run.log_scalar("a", 3.0, step=-1, time=12.5)
    run.log_scalar("a", np.float32(4), np.int64(7), np.float64(13))
    run.log_scalar("b", 5, 2**63 - 1)
    assert scalars(spool) == [("a", 1.0, None), ("a", 2.0, 5), ("a", 3.0, -1), ("a", 4.0, 7), ("b", 5.0, 2**63 - 1)]
    times = [record.time for record in writers(spool)[0].scalars]
    assert times[2:4] == [12.5, 13.0]
    assert run.refused == {}


def test_a_mapping_is_logged_at_one_time_and_a_bad_number_leaves_the_others_be(spool: Path, run: Run) -> None:
    run.log(
        {
            "a": 1,
            "b": "no",  # type: ignore[dict-item]  # what is refused
            "c": np.float32(3),
        },
        step=4,
        round=2,
        epoch=1,
        context="train",
    )
    run.log({"d": 1.0}, step=5)
    run.log("e", 2.0)
    records = writers(spool)[0].scalars
    assert [(record.name, record.value) for record in records] == [("a", 1.0), ("c", 3.0), ("d", 1.0), ("e", 2.0)]
    assert [(r.step, r.round, r.epoch, r.context) for r in records[:3]] == [
        (4, 2, 1, "train"), (4, 2, 1, "train"), (5, None, None, None),
    ]  # fmt: skip
    assert records[0].time == records[1].time
    assert run.refused == {"value": 1}


def test_text_and_hyperparameters_come_back(spool: Path, run: Run) -> None:
    run.log_text("note", "# hé\udc80", 3)
    run.log_hparams({"lr": 0.1, "name": "x", "betas": (1, 2)}, {"accuracy": 0.9})
    run.log_hparams({"lr": 0.2})
    records = {record.kind: record for record in reversed(writers(spool)[0].records)}
    assert (records[Kind.TEXT].value, records[Kind.TEXT].step) == ("# hé\\udc80", 3)
    assert records[Kind.HPARAMS].value == {
        "params": {"lr": 0.1, "name": "x", "betas": "(1, 2)"}, "metrics": ("accuracy",),
    }  # fmt: skip
    assert scalars(spool) == [("accuracy", 0.9, None)]


class Hostile(Mapping[str, float]):
    """A mapping that fails in the middle."""

    def __getitem__(self, key: str) -> float:
        raise ZeroDivisionError

    def __iter__(self) -> Iterator[str]:
        raise ZeroDivisionError

    def __len__(self) -> int:
        raise ZeroDivisionError


_NAMES: list[object] = ["loss", "", "x" * 10_000, "\udc80", None, 5, ["a"], {}, b"loss"]
_VALUES = [1.0, None, "1", [1.0], np.zeros(2), 10**400, object(), 1j]
_STEPS = [None, 1, -1, 2**63, float("nan"), 1.5, "3", [1]]
_TIMES = [None, 5.0, -1.0, float("inf"), "now"]


def test_no_combination_of_arguments_raises_and_each_call_is_logged_or_counted(spool: Path, run: Run) -> None:
    calls = accepted = 0
    for name, value, step, at in itertools.product(_NAMES, _VALUES, _STEPS, _TIMES):
        run.log_scalar(name, value, step, at)  # type: ignore[arg-type]  # what must not raise
        calls += 1
        accepted += name == "loss" and value == 1.0 if isinstance(value, float) else False
    assert run.refused.keys() == {"name", "value", "step", "time"}
    assert len(scalars(spool)) == 3 * 2
    assert sum(run.refused.values()) + 3 * 2 == calls


@pytest.mark.parametrize("bad", [None, 5, [("a", 1)], Hostile(), {None: 1.0}, {"": 1.0}, {5: 1.0}])
def test_what_is_no_mapping_of_numbers_is_counted(run: Run, bad: object) -> None:
    run.log(bad)  # type: ignore[arg-type]  # what must not raise
    assert sum(run.refused.values()) == 1


@pytest.mark.parametrize(
    "fields", [{"round": "x"}, {"epoch": 1.5}, {"context": ""}, {"context": 5}, {"step": 2**63}, {"time": -1}]
)
def test_a_bad_field_of_a_mapping_is_counted(run: Run, fields: dict[str, object]) -> None:
    run.log({"a": 1.0}, **fields)  # type: ignore[arg-type]  # what must not raise
    assert sum(run.refused.values()) == 1


@pytest.mark.parametrize("params", [None, 5, {"": 1}, {"a": object()}])
@pytest.mark.parametrize("metrics", [5, {"": 1.0}])
def test_bad_hyperparameters_are_counted(run: Run, params: object, metrics: object) -> None:
    run.log_hparams(params, metrics)  # type: ignore[arg-type]  # what must not raise
    assert sum(run.refused.values()) >= 1


def test_a_record_that_is_too_large_is_refused(spool: Path, run: Run) -> None:
    run.log_text("note", "x" * (256 * 1024))
    run.log_text("note", "x" * (255 * 1024))
    run.log_hparams({f"p{i}": "x" * 1000 for i in range(300)})
    assert run.refused == {"too_large": 2}
    assert sum(record.kind is Kind.TEXT for record in writers(spool)[0].records) == 1


def test_a_reason_is_logged_once_and_counted_each_time(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(1000):
        run.log_scalar("loss", "x" * number)  # type: ignore[arg-type]  # what must not raise
        run.log_scalar("", 1.0)
    assert run.refused == {"value": 1000, "name": 1000}
    assert len(caplog.records) == 2
    assert {record.name for record in caplog.records} == {"sitewire"}
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert all(record.getMessage().startswith("sitewire: refused (") for record in caplog.records)
    assert "'loss': not one number" in caplog.text


def test_names_without_end_do_not_fill_the_memory(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "_MAX_KNOWN_NAMES", 10)
    for number in range(100):
        run.log_scalar(f"n{number}", 1.0)
    assert len(run._known) <= 10


def test_finish_is_idempotent_and_what_comes_after_it_is_counted(spool: Path, run: Run) -> None:
    run.log_scalar("loss", 1.0)
    run.finish("failed")
    run.finish("finished")
    run.log_scalar("loss", 2.0)
    run.log_text("note", "late")
    assert run.refused == {"finished": 2}
    assert len(scalars(spool)) == 1
    assert writers(spool)[0].status == "failed"


def test_a_handler_that_finishes_inside_a_log_call_and_raises_leaves_an_end(spool: Path, run: Run) -> None:
    run.log_scalar("loss", 1.0, 0)
    before = sys.gettrace()

    def handle(frame: FrameType, event: str, _: object) -> None:
        # Where a signal would be at its worst: below the writer's append.
        if event == "call" and "/spool/" in frame.f_code.co_filename and "/writer" not in frame.f_code.co_filename:
            sys.settrace(None)
            run.finish("failed")
            raise SystemExit(7)

    try:
        with pytest.raises(SystemExit):
            _traced(handle, run)
    finally:
        sys.settrace(before)
    run.finish()  # what the exit of the program does
    (written,) = writers(spool)
    assert written.status == "failed"
    assert written.directory.ended


def _traced(handle: Callable[[FrameType, str, object], None], run: Run) -> None:
    sys.settrace(handle)
    run.log_scalar("loss", 2.0, 1)


def test_finish_takes_two_words_only(run: Run) -> None:
    with pytest.raises(ValueError, match="finished or failed"):
        run.finish("killed")  # type: ignore[arg-type]  # what it refuses


def test_a_spool_that_cannot_be_used_is_told_once_and_training_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    run = Run("job", site="s", spool=tmp_path / "file" / "spool")
    for step in range(1000):
        run.log_scalar("loss", 1.0, step)
    run.log_text("note", "x")
    run.finish()
    assert run.refused == {"spool": 1001}
    (told,) = caplog.records
    assert str(tmp_path / "file" / "spool") in told.getMessage()
    assert "SITEWIRE_SPOOL" in told.getMessage()


def test_a_fault_of_ours_while_opening_is_told_once_and_leaves_no_writers(
    spool: Path, run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> str:
        raise LookupError

    monkeypatch.setattr("sitewire.collectors.recorder.platform.python_version", fail)
    for _ in range(100):
        run.log_scalar("loss", 1.0)
    assert run.refused == {"spool": 100}
    assert len(caplog.records) == 1
    assert not spool.exists()


def test_a_source_tree_that_is_not_installed_logs_too(spool: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("sitewire.collectors.recorder.version", fail)
    run.log_scalar("loss", 1.0)
    assert len(scalars(spool)) == 1


def test_a_spool_that_can_be_used_again_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "spool"
    blocked.write_text("in the way")
    run = Run("job", site="s", spool=blocked)
    run.log_scalar("loss", 1.0)
    blocked.unlink()
    run.log_scalar("loss", 2.0)
    assert run.refused == {"spool": 2}  # not yet tried again
    later = time.monotonic() + RETRY_INTERVAL
    monkeypatch.setattr("sitewire.collectors.recorder.time.monotonic", lambda: later)
    run.log_scalar("loss", 3.0)
    run.finish()
    assert [value for _, value, _ in scalars(blocked)] == [3.0]


def test_a_run_sent_to_another_process_is_the_same_run(spool: Path, run: Run) -> None:
    run.log_scalar("a", 1.0)
    copy = pickle.loads(pickle.dumps(run))  # noqa: S301  our own
    assert (copy.run, copy.site, copy.experiment) == (run.run, run.site, run.experiment)
    copy.log_scalar("a", 2.0)
    copy.finish()
    assert sorted(written.scalars[0].value for written in writers(spool)) == [1.0, 2.0]  # type: ignore[type-var]


def test_a_notebooks_cell_that_makes_its_run_again_leaves_one_writer_open(spool: Path) -> None:
    run = Run("job", site="s", spool=spool)
    for number in range(5):
        run = Run("job", site="s", spool=spool) if number else run
        run.log_scalar("loss", float(number))
        gc.collect()
    found = writers(spool)
    assert len(found) == 5
    assert sum(written.directory.is_alive() for written in found) <= 2  # the last, and the one it replaced
    run.finish()
    lifecycle.finish_forgotten()
    assert [written.status for written in writers(spool)] == ["finished"] * 5


def test_refusals_are_counted_by_the_writer_that_they_belong_to(spool: Path, run: Run) -> None:
    run.log_scalar("loss", 1.0)
    run.log_scalar("", 1.0)
    first = run._recorder.refusals
    run.finish()
    run.resume()
    run.log_scalar("loss", 2.0)
    assert run.refused == {}
    assert first.counts() == {"name": 1}
    assert len(writers(spool)) == 2


def test_flush_says_at_once_that_nobody_publishes(run: Run) -> None:
    run.log_scalar("loss", 1.0)
    before = time.monotonic()
    assert run.flush(10) is False
    assert time.monotonic() - before < 1


def test_a_fresh_run_id_is_printed_once(
    spool: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle._process, "told", set())
    runs = [Run(site="s", spool=spool), Run(site="s", spool=spool)]
    assert capsys.readouterr().err == ""
    for run in runs:
        run.log_scalar("loss", 1.0)
        run.finish()
    printed = capsys.readouterr().err
    assert printed.count(runs[0].run) == 1
    assert "SITEWIRE_RUN" in printed
