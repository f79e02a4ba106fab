"""The same programs through MLflow itself, on a store in SQLite, and through our syntax: both see the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sitewire.schemas.record import Kind
from support import fluent_programs
from support.trainer import Ended, run_trainer, writers

TESTS = Path(fluent_programs.__file__).parents[1]


def _run(which: str, place: Path) -> Mapping[str, list[object]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SITEWIRE_", "MLFLOW_"))}
    more = {
        "PYTHONPATH": str(TESTS), "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true", "SITEWIRE_SPOOL": str(place / "spool"), "SITEWIRE_PUBLISH": "none",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "support.fluent_programs", which],
        env=kept | more,
        cwd=place,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen: Mapping[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[object]]:
    """What each program sees through MLflow."""
    return _run("mlflow", tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[object]]:
    """What each program sees through our syntax."""
    return _run("sitewire", tmp_path_factory.mktemp("sitewire"))


@pytest.mark.parametrize("program", fluent_programs.PROGRAMS)
def test_a_program_sees_the_same_through_both(
    program: str, original: Mapping[str, list[object]], ours: Mapping[str, list[object]]
) -> None:
    assert len(ours[program]) > 0
    assert ours[program] == original[program]


@pytest.mark.parametrize(("last", "code", "status"), [("", 0, "finished"), ("1 / 0", 1, "failed")])
def test_what_is_active_at_the_end_of_the_program_ends_with_it(
    tmp_path: Path, last: str, code: int, status: str
) -> None:
    ended = _train(
        f"""
        from sitewire.collectors import mlflow
        mlflow.start_run()
        mlflow.log_metric("loss", 1.0)
        mlflow.start_run(nested=True)
        mlflow.log_metric("loss", 1.0)
        {last}
        """,
        tmp_path,
    )
    assert ended.code == code, ended.err
    assert [written.status for written in writers(tmp_path)] == [status] * 2


def test_a_forked_child_logs_to_the_processs_run_as_a_spawned_one_does(tmp_path: Path) -> None:
    ended = _train(
        """
        import os
        from sitewire.collectors import mlflow
        with mlflow.start_run(), mlflow.start_run(nested=True) as inner:
            mlflow.log_metric("parent", 1.0)
            for _ in range(2):
                if child := os.fork():
                    os.waitpid(child, 0)
                else:
                    mlflow.log_metric("child", 1.0)
                    mlflow.log_metric("by id", 1.0, run_id=inner.info.run_id)
                    mlflow.end_run("FAILED")
                    break
            else:
                mlflow.log_metric("parent", 2.0)
        """,
        tmp_path,
    )
    assert ended.code == 0, ended.err
    found = sorted(
        (written.directory.identity.run, [record.name for record in written.scalars], written.status)
        for written in writers(tmp_path)
        if written.scalars
    )
    assert found == [
        ("job", ["child"], "failed"), ("job", ["child"], "failed"), ("job-2", ["by id"], "finished"),
        ("job-2", ["by id"], "finished"), ("job-2", ["parent", "parent"], "finished"),
    ]  # fmt: skip


def test_a_forked_child_ends_what_it_has_begun_though_its_parent_had_it_active(tmp_path: Path) -> None:
    ended = _train(
        """
        import os
        from sitewire.collectors import mlflow
        with mlflow.start_run() as run:
            if child := os.fork():
                os.waitpid(child, 0)
            else:
                with mlflow.start_run(run_id=run.info.run_id):
                    mlflow.log_metric("child", 1.0)
                os._exit(0)     # nothing but the block has ended it
        """,
        tmp_path,
    )
    assert ended.code == 0, ended.err
    (written,) = writers(tmp_path)
    assert (written.status, written.directory.identity.forked) == ("finished", False)


def test_a_log_call_from_a_signal_handler_in_the_middle_of_starting_a_run_is_logged(tmp_path: Path) -> None:
    ended = _train(
        """
        import signal
        from sitewire.collectors import mlflow
        calls = []
        def handle(*_):
            mlflow.log_metric("handled", 1.0)
            calls.append(1)
            if len(calls) < 300:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)
        while len(calls) < 300:
            with mlflow.start_run(run_id="one", nested=True):
                for step in range(10):
                    mlflow.log_metric("trained", 1.0, step)
            while mlflow.active_run():
                mlflow.end_run()
        print(len(calls))
        """,
        tmp_path,
    )
    assert (ended.code, ended.out) == (0, "300\n"), ended.err
    found = [record.name for written in writers(tmp_path) for record in written.records if record.kind is Kind.SCALAR]
    assert found.count("handled") == 300
    assert "internal" not in ended.err


def _train(program: str, spool: Path) -> Ended:
    return run_trainer(
        program, SITEWIRE_SPOOL=str(spool), SITEWIRE_RUN="job", SITEWIRE_SITE="clinic", SITEWIRE_PUBLISH="none"
    )
