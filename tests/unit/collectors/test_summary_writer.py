"""The originals' calls, and what becomes of them."""

from __future__ import annotations

import inspect
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorboardX

from sitewire.collectors import Run, tensorboard
from sitewire.collectors.tensorboard import SummaryWriter
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.series import named
from support.trainer import scalars, writers


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    """The default run of a process is made from the environment once; here once a test."""
    monkeypatch.setattr(tensorboard, "_default", {})
    monkeypatch.setattr(tensorboard, "_writers", type(tensorboard._writers)())
    monkeypatch.setenv("SITEWIRE_SPOOL", str(spool))
    monkeypatch.setenv("SITEWIRE_RUN", "job")
    monkeypatch.setenv("SITEWIRE_SITE", "clinic")


def _series(spool: Path) -> list[tuple[str | None, str, object, int | None]]:
    return [(r.series, r.name, r.value, r.step) for written in writers(spool) for r in written.scalars]


def _records(spool: Path, kind: Kind) -> list[Record]:
    return [record for written in writers(spool) for record in written.records if record.kind is kind]


def test_scalars_are_those_of_the_run_itself(spool: Path) -> None:
    with SummaryWriter() as writer:
        writer.add_scalar("loss", 0.5)
        writer.add_scalar("loss", np.float32(0.25), 3, 12.5)
        writer.add_scalar(tag="loss", scalar_value=1, global_step=4.9, walltime=None, new_style=True)
        writer.add_scalar("loss", 1, np.int64(5), double_precision=True, display_name="d", summary_description="s")
    assert scalars(spool) == [("loss", 0.5, None), ("loss", 0.25, 3), ("loss", 1.0, 4), ("loss", 1.0, 5)]
    assert writers(spool)[0].scalars[1].time == 12.5
    assert writers(spool)[0].status == "finished"


def test_every_method_of_the_original_is_there_and_takes_its_arguments() -> None:
    for name, method in inspect.getmembers(tensorboardX.SummaryWriter, inspect.isfunction):
        if name.startswith("_"):
            continue
        ours = inspect.signature(getattr(SummaryWriter, name)).parameters
        takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in ours.values())
        missing = inspect.signature(method).parameters.keys() - ours.keys()
        assert takes_all or not missing, (name, missing)


def test_torchs_positions_are_kept() -> None:
    torchs = {
        "__init__": ["log_dir", "comment", "purge_step", "max_queue", "flush_secs", "filename_suffix"],
        "add_scalar": ["tag", "scalar_value", "global_step", "walltime", "new_style", "double_precision"],
        "add_scalars": ["main_tag", "tag_scalar_dict", "global_step", "walltime"],
        "add_figure": ["tag", "figure", "global_step", "close"],
        "add_text": ["tag", "text_string", "global_step", "walltime"],
        "add_hparams": ["hparam_dict", "metric_dict", "hparam_domain_discrete", "run_name", "global_step"],
    }
    for name, wanted in torchs.items():
        found = list(inspect.signature(getattr(SummaryWriter, name)).parameters)
        assert found[1 : len(wanted) + 1] == wanted


def test_directories_are_series_of_one_run(spool: Path) -> None:
    with (
        SummaryWriter("runs/a") as root,
        SummaryWriter(Path("runs/b")) as beside,
        SummaryWriter("runs/a/val") as inside,
    ):
        root.add_scalar("x", 1.0)
        beside.add_scalar("x", 2.0)
        inside.add_scalar("x", 3.0)
        beside.add_text("note", "t")
    assert _series(spool) == [(None, "x", 1.0, None), ("b", "x", 2.0, None), ("val", "x", 3.0, None)]
    assert [record.series for record in _records(spool, Kind.TEXT)] == ["b"]


def test_add_scalars_gives_each_line_a_series(spool: Path) -> None:
    with SummaryWriter("runs/a") as root, SummaryWriter("runs/b") as other:
        root.add_scalars("loss/all", {"train": 1, "val": np.float32(2), "bad": None}, 3)  # type: ignore[dict-item]
        other.add_scalars("loss", {"../x": 1.0}, 4, 5.0)
        root.add_scalars("loss", {5: 1.0}, 3)  # type: ignore[dict-item]
        root.add_scalars(5, {"a": 1.0}, 3)  # type: ignore[arg-type]
        root.add_scalars("loss", None, 3)  # type: ignore[arg-type]
        refused = root._run.refused
    assert _series(spool) == [
        ("loss_all_train", "loss/all", 1.0, 3),
        ("loss_all_val", "loss/all", 2.0, 3),
        ("b/loss_../x", "loss", 1.0, 4),
    ]
    first, second, third = writers(spool)[0].scalars
    assert first.time == second.time
    assert third.time == 5.0
    assert refused == {"value": 2, "name": 2}


def test_add_hparams_is_a_series_with_its_metrics(spool: Path) -> None:
    with SummaryWriter() as writer:
        writer.add_hparams({"lr": 0.1}, {"hparam/accuracy": 0.9}, run_name="trial", global_step=7)
        writer.add_hparams({"lr": 0.2}, {"hparam/accuracy": 0.8}, "tensorboardX")
        writer.add_hparams({"lr": 0.3}, {"hparam/accuracy": 0.7}, {"lr": [0.1, 0.3]})
        writer.add_hparams([("lr", 0.3)], {}, None, "bad")  # type: ignore[arg-type]
    found = _records(spool, Kind.HPARAMS)
    assert found[0].value == {"params": {"lr": 0.1}, "metrics": ("hparam/accuracy",)}
    assert [record.series for record in found[:2]] == ["trial", "tensorboardX"]
    series = str(found[2].series)
    assert named(series) is None
    assert abs(float(series.removeprefix("unnamed-").replace("-", ".")) - time.time()) < 60
    assert len(found) == 3
    assert _series(spool)[0] == ("trial", "hparam/accuracy", 0.9, 7)


def test_what_is_not_collected_yet_is_counted_and_told_once_for_each_method(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    writer = SummaryWriter(run=run)
    for _ in range(3):
        writer.add_histogram("h", np.zeros(3), 1)
        writer.add_image("i", np.zeros((3, 2, 2)), dataformats="CHW")
    assert run.refused == {"not_collected": 6}
    assert [record.getMessage().split(": ")[2].split(" ")[0] for record in caplog.records] == [
        "add_histogram",
        "add_image",
    ]
    with pytest.raises(AttributeError):
        writer.add_scaler("loss", 1.0)  # type: ignore[attr-defined]  # a slip of the pen stays one


def test_a_figure_is_closed_as_the_original_closes_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Pyplot:
        closed: list[object] = []  # noqa: RUF012  one test's

        def close(self, figure: object) -> None:
            self.closed.append(figure)

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", Pyplot())
    writer = SummaryWriter(run=run)
    writer.add_figure("f", "one")
    writer.add_figure("f", ["two", "three"], close=True)
    writer.add_figure("f", "kept", 1, False)
    assert Pyplot.closed == ["one", "two", "three"]


def test_the_run_ends_with_its_last_writer_and_a_new_one_goes_on_with_it(spool: Path) -> None:
    first, second = SummaryWriter("a"), SummaryWriter("b")
    first.add_scalar("x", 1.0)
    first.close()
    first.close()
    second.add_scalar("x", 2.0)
    assert writers(spool)[0].status is None
    second.close()
    assert writers(spool)[0].status == "finished"
    with SummaryWriter("c") as third:
        third.add_scalar("x", 3.0)
    assert set(_series(spool)) == {(None, "x", 1.0, None), ("b", "x", 2.0, None), ("c", "x", 3.0, None)}
    assert [written.status for written in writers(spool)] == ["finished", "finished"]
    assert {written.directory.identity.run for written in writers(spool)} == {"job"}


def test_a_closed_writer_that_is_used_again_goes_on_as_the_originals_do(spool: Path) -> None:
    writer = SummaryWriter()
    writer.add_scalar("x", 1.0)
    writer.close()
    writer.add_scalar("x", 2.0)
    writer.close()
    assert sorted(value for _, _, value, _ in _series(spool)) == [1.0, 2.0]  # type: ignore[type-var]


def test_an_exception_in_the_block_fails_the_run(spool: Path) -> None:
    def train() -> None:
        with SummaryWriter() as writer:
            writer.add_scalar("x", 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert writers(spool)[0].status == "failed"


def test_a_run_that_was_given_is_its_owners_to_finish(spool: Path, run: Run) -> None:
    with SummaryWriter(run=run) as writer:
        writer.add_scalar("x", 1.0)
    run.log_scalar("y", 2.0)
    assert [record[0] for record in scalars(spool)] == ["x", "y"]


def test_a_writer_that_is_told_not_to_write_logs_nothing(spool: Path) -> None:
    with SummaryWriter("a", write_to_disk=False) as writer:
        writer.add_scalar("x", 1.0)
        writer.add_scalars("x", {"a": 1.0})
        writer.add_text("x", "y")
        writer.add_hparams({}, {"m": 1.0})
        writer.add_histogram("h", [1.0])
        assert writer._run.refused == {}
    assert not spool.exists()


def test_metadata_stands_in_for_what_a_call_leaves_out(spool: Path) -> None:
    writer = SummaryWriter()
    with writer.use_metadata(global_step=10, walltime=5.0):
        writer.add_scalar("x", 1.0)
        writer.add_scalar("x", 2.0, 11)
    writer.add_scalar("x", 3.0)
    writer.close()
    assert scalars(spool) == [("x", 1.0, 10), ("x", 2.0, 11), ("x", 3.0, None)]
    assert [record.time == 5.0 for record in writers(spool)[0].scalars] == [True, True, False]


def test_the_directory_is_told_and_nothing_is_written_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given, fallback, older = SummaryWriter("runs/a"), SummaryWriter(comment="_lr"), SummaryWriter(logdir="runs/b")
    assert (given.log_dir, given.get_logdir(), older.logdir) == ("runs/a", "runs/a", "runs/b")
    assert fallback.log_dir.startswith("runs/")
    assert fallback.log_dir.endswith("_lr")
    for writer in (given, fallback, older):
        writer.add_scalar("x", 1.0)
        writer.flush()
        writer.close()
    assert {path.name for path in tmp_path.iterdir()} <= {"spool", "home"}


def test_no_argument_of_a_call_raises(run: Run) -> None:
    writer = SummaryWriter(run=run)
    bad: list[object] = [None, "", "x", 5, 2**63, 1j, [1], {}, {"a": "b"}, object(), float("nan"), np.zeros(2)]
    for one in bad:
        for two in bad:
            writer.add_scalar(one, two, two, one)  # type: ignore[arg-type]  # what must not raise
            writer.add_scalars(one, two, one, two)  # type: ignore[arg-type]
            writer.add_text(one, two, one, two)  # type: ignore[arg-type]
            writer.add_hparams(one, two, two, "name", one)  # type: ignore[arg-type]
    assert "internal" not in run.refused
