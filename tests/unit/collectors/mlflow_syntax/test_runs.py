"""Which run is whose: names, nesting, resuming, experiments, ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from sitewire.collectors import mlflow
from sitewire.collectors.mlflow.exceptions import RunAlreadyActive
from sitewire.collectors.mlflow.known_runs import known_runs
from sitewire.schemas.record import Kind
from support.trainer import Written, writers


def _by_run(spool: Path) -> dict[str, list[Written]]:
    found: dict[str, list[Written]] = {}
    for written in writers(spool):
        found.setdefault(written.directory.identity.run, []).append(written)
    return found


def _start(written: Written) -> Mapping[str, object]:
    (value,) = (record.value for record in written.records if record.kind is Kind.RUN_START)
    assert isinstance(value, Mapping)
    return value


def test_the_runs_of_a_process_are_numbered_and_say_what_they_are_called(spool: Path) -> None:
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="outer", tags={"fold": 1}, description="# why") as outer:
        mlflow.log_metric("loss", 1.0)
        with mlflow.start_run(run_name="inner", nested=True):
            mlflow.log_metric("loss", 2.0)
    mlflow.log_metric("loss", 3.0)
    mlflow.end_run()
    found = _by_run(spool)
    assert {run: [r.value for r in written[0].scalars] for run, written in found.items()} == {
        "job": [1.0], "job-2": [2.0], "job-3": [3.0],
    }  # fmt: skip
    said = {run: {key: _start(w[0]).get(key) for key in ("name", "parent", "notes")} for run, w in found.items()}
    assert said == {
        "job": {"name": "outer", "parent": None, "notes": "# why"},
        "job-2": {"name": "inner", "parent": "job", "notes": None},
        "job-3": {"name": None, "parent": None, "notes": None},
    }
    assert {w.directory.identity.experiment for written in found.values() for w in written} == {"digits"}
    assert [record.value for record in found["job"][0].records if record.kind is Kind.TAG] == ["1"]
    assert outer.data.tags == {"fold": 1, "mlflow.runName": "outer", "mlflow.note.content": "# why"}
    assert [written[0].status for written in found.values()] == ["finished"] * 3


def test_what_tags_say_of_a_run_is_said_by_its_beginning_for_ids_are_ours(spool: Path) -> None:
    said = {"mlflow.parentRunId": "sweep", "mlflow.runName": "name", "mlflow.note.content": "why", "team": "red"}
    with mlflow.start_run(tags=said):
        mlflow.set_tag("mlflow.parentRunId", "other")
        mlflow.set_tags({"mlflow.parentRunId": "other", "fold": 1})
    (written,) = writers(spool)
    assert {key: _start(written)[key] for key in ("parent", "name", "notes")} == {
        "parent": "sweep", "name": "name", "notes": "why",
    }  # fmt: skip
    tags = {record.name: record.value for record in written.records if record.kind is Kind.TAG}
    assert tags == {"team": "red", "fold": "1"}
    assert known_runs._runs["job"].run.refused == {"not_collected": 2}


def test_an_exception_fails_the_run_of_the_block_and_not_the_one_around(spool: Path) -> None:
    def train() -> None:
        with mlflow.start_run(nested=True):
            mlflow.log_metric("loss", 1.0)
            raise ZeroDivisionError

    with mlflow.start_run():
        mlflow.log_metric("loss", 1.0)
        with pytest.raises(ZeroDivisionError):
            train()
        assert (last := mlflow.active_run()) is not None
        assert last.info.run_id == "job"
    assert {run: written[0].status for run, written in _by_run(spool).items()} == {
        "job": "finished", "job-2": "failed",
    }  # fmt: skip
    assert mlflow.get_run("job-2").info.status == "FAILED"


def test_a_run_that_is_resumed_stays_where_it_was(spool: Path) -> None:
    mlflow.set_experiment("first")
    with mlflow.start_run(run_name="name") as run:
        mlflow.log_metric("loss", 1.0, 0)
    mlflow.set_experiment("second")
    with mlflow.start_run(run_id=run.info.run_id, tags={"again": "yes"}, description="more") as again:
        mlflow.log_metric("loss", 2.0, 1)
    assert (again.info.run_id, again.info.run_name, again.info.experiment_id) == ("job", "name", "first")
    with mlflow.start_run() as following:
        mlflow.log_metric("loss", 3.0)
    assert (following.info.run_id, following.info.experiment_id) == ("job-2", "second")
    attempts = sorted(_by_run(spool)["job"], key=lambda written: written.scalars[0].step or 0)
    assert [[r.value for r in written.scalars] for written in attempts] == [[1.0], [2.0]]
    assert [_start(written).get("notes") for written in attempts] == [None, "more"]
    assert {written.directory.identity.experiment for written in attempts} == {"first"}


def test_a_run_of_another_process_is_gone_on_with_by_its_id(spool: Path) -> None:
    with mlflow.start_run(run_id="elsewhere"):
        mlflow.log_metric("loss", 1.0)
    with mlflow.start_run():
        mlflow.log_metric("loss", 2.0)
    assert _by_run(spool).keys() == {"elsewhere", "job"}


def test_a_run_that_is_active_twice_ends_with_the_outer_one(spool: Path) -> None:
    with mlflow.start_run() as outer:
        with mlflow.start_run(run_id=outer.info.run_id, nested=True, run_name="renamed"):
            mlflow.log_metric("loss", 1.0)
        mlflow.log_metric("loss", 2.0)
    (written,) = _by_run(spool)["job"]
    assert [record.value for record in written.scalars] == [1.0, 2.0]
    assert written.status == "finished"


def test_logging_to_a_run_that_has_ended_goes_on_with_it(spool: Path) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0)
    mlflow.log_metric("loss", 2.0, run_id=run.info.run_id)
    mlflow.log_metrics({"loss": 3.0}, run_id=run.info.run_id)
    assert mlflow.active_run() is None
    found = sorted([record.value for record in written.scalars] for written in _by_run(spool)["job"])
    assert found == [[1.0], [2.0, 3.0]]
    assert mlflow.get_run("job").info.status == "FINISHED"


def test_threads_have_active_runs_of_their_own(spool: Path) -> None:
    seen: list[tuple[object, str]] = []
    with mlflow.start_run():

        def work() -> None:
            before = mlflow.active_run()
            with mlflow.start_run() as run:  # not nested: nothing is active here
                mlflow.log_metric("loss", 1.0)
                seen.append((before, run.info.run_id))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert (now := mlflow.active_run()) is not None
        assert now.info.run_id == "job"
    assert seen == [(None, "job-2")]


def test_what_the_original_refuses_is_refused_before_anything_is_started(spool: Path) -> None:
    with mlflow.start_run() as run:
        with pytest.raises(RunAlreadyActive, match="Run with UUID job is already active"):
            mlflow.start_run()
        with pytest.raises(mlflow.MlflowException, match="does not match"):
            mlflow.start_run(nested=True, parent_run_id="another")
        with pytest.raises(mlflow.MlflowException, match="already set"):
            mlflow.start_run(nested=True, tags={"mlflow.note.content": "a"}, description="b")
        with pytest.raises(mlflow.exceptions.MlflowException, match="64"):
            mlflow.start_run(run_id="x" * 65, nested=True)
        assert mlflow.active_run() is run
    with mlflow.start_run() as following:
        assert following.info.run_id == "job-2"


@pytest.mark.parametrize("given", [{}, {"experiment_name": "a", "experiment_id": "b"}, {"experiment_name": ""}])
def test_an_experiment_needs_one_name(given: dict[str, str]) -> None:
    with pytest.raises(mlflow.MlflowException):
        mlflow.set_experiment(**given)


def test_an_end_that_is_none_raises_and_leaves_the_run_for_the_programs_end(spool: Path) -> None:
    mlflow.log_metric("loss", 1.0)
    with pytest.raises(mlflow.MlflowException, match="FINISHED"):
        mlflow.end_run("DONE")
    assert mlflow.active_run() is None
    assert writers(spool)[0].status is None
    mlflow.end_run()


@pytest.mark.parametrize(
    ("status", "ending"), [("FINISHED", "finished"), ("FAILED", "failed"), ("KILLED", "failed"), ("RUNNING", None)]
)
def test_a_status_becomes_an_end(spool: Path, status: str, ending: str | None) -> None:
    mlflow.log_metric("loss", 1.0)
    mlflow.end_run(status)
    assert writers(spool)[0].status == ending
    assert (last := mlflow.last_active_run()) is not None
    assert last.info.status == status


def test_the_experiment_is_what_was_set_over_ours_over_mlflows_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def started(**arguments: str) -> str:
        with mlflow.start_run(**arguments) as run:  # type: ignore[arg-type]  # texts, each by its name
            return run.info.experiment_id

    assert started() == "default"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    assert started() == "theirs"
    monkeypatch.setenv("SITEWIRE_EXPERIMENT", "ours")
    assert started() == "ours"
    assert mlflow.set_experiment("set").name == "set"
    assert started() == "set"
    assert os.environ["MLFLOW_EXPERIMENT_NAME"] == "set"  # for processes that this one starts
    assert started(experiment_id=mlflow.create_experiment("made")) == "made"
    assert mlflow.set_experiment(experiment_id="by id").experiment_id == "by id"
    assert started() == "by id"
    assert mlflow.get_experiment("x").name == "x"


def test_a_run_in_mlflows_environment_is_gone_on_with_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def started() -> str:
        with mlflow.start_run() as run:
            return run.info.run_id

    monkeypatch.setenv("MLFLOW_RUN_ID", "theirs")
    assert started() == "job"  # SITEWIRE_RUN is the operator's
    monkeypatch.delenv("SITEWIRE_RUN")
    monkeypatch.setenv("MLFLOW_RUN_ID", "theirs")
    assert started() == "theirs"
    assert started() != "theirs"
    monkeypatch.setenv("MLFLOW_RUN_ID", "x" * 65)
    mlflow.log_metric("loss", 1.0)  # a log call raises by nothing
    assert mlflow.active_run() is not None


def test_words_that_are_too_long_are_cut(spool: Path) -> None:
    with mlflow.start_run(run_name="é" * 1000, description="x" * 100_000):
        mlflow.log_metric("loss", 1.0)
    start = _start(writers(spool)[0])
    assert (start["name"], start["notes"]) == ("é" * 512, "x" * 65_536)
    assert mlflow.set_experiment("e" * 1000).name == "e" * 256
    with mlflow.start_run():
        mlflow.log_metric("loss", 1.0)


def test_a_run_that_was_renamed_keeps_its_name_when_it_is_gone_on_with(spool: Path) -> None:
    with mlflow.start_run(run_name="first", description="why") as run:
        mlflow.set_tags({"mlflow.runName": "better", "mlflow.note.content": ""})
    mlflow.log_metric("loss", 1.0, run_id=run.info.run_id)
    with mlflow.start_run(run.info.run_id):
        mlflow.log_metric("loss", 1.0)
    starts = sorted((_start(one) for one in writers(spool)), key=lambda start: str(start["started"]))
    assert [(start["name"], start.get("notes")) for start in starts] == [
        ("first", "why"),
        ("better", None),
        ("better", None),
    ]
    assert mlflow.get_run(run.info.run_id).info.run_name == "better"


def test_a_parent_is_told(spool: Path) -> None:
    with mlflow.start_run(parent_run_id="sweep") as run:
        mlflow.log_metric("loss", 1.0)
    assert run.data.tags["mlflow.parentRunId"] == "sweep"
    assert (parent := mlflow.get_parent_run(run.info.run_id)) is not None
    assert parent.info.run_id == "sweep"
    assert mlflow.get_parent_run("sweep") is None


def test_without_a_way_to_collect_everything_goes_on(monkeypatch: pytest.MonkeyPatch, spool: Path) -> None:
    monkeypatch.setenv("SITEWIRE_SITE", "a\nb")
    with mlflow.start_run(), mlflow.start_run(nested=True):
        mlflow.log_metric("loss", 1.0)
    assert not spool.exists()
    assert sum(known.run.refused.get("off", 0) for known in known_runs._runs.values()) == 1
