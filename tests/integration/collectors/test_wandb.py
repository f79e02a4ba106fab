"""Trainers with W&B's syntax as programs of their own: forks, other processes, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.trainer import Ended, Written, writers

Train = Callable[..., Ended]


def _rows(written: Written) -> list[tuple[str, int | None]]:
    return [(record.name, record.step) for record in written.scalars]


def test_a_forked_child_goes_on_with_the_run_and_its_steps_while_another_thread_logs(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os, threading
        from sitewire.collectors import wandb
        run = wandb.init()
        wandb.log({"before": 1})
        stop = threading.Event()
        def log():
            while not stop.is_set():
                run.log({"beside": 1}, step=0)
        thread = threading.Thread(target=log)
        thread.start()
        children = []
        for number in range(20):        # the other thread may hold any lock at these moments
            child = os.fork()
            if child == 0:
                wandb.log({"child": number})
                os._exit(0)
            children.append(child)
        stop.set()
        thread.join()
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 20
        wandb.log({"after": 1})
        """,
    )
    assert (ended.code, ended.err.count("Traceback")) == (0, 0)
    found = sorted(_rows(written)[0] for written in writers(spool))
    assert found == [("before", 0)] + [("child", 1)] * 20
    assert {written.directory.identity.run for written in writers(spool)} == {"job"}


def test_a_childs_own_init_begins_the_process_run_and_leaves_its_parents_alone(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import wandb
        run = wandb.init(job_type="parent")
        wandb.log({"parent": 1})
        child = os.fork()
        if child == 0:
            mine = wandb.init(job_type="child")
            assert mine is not run
            wandb.log({"child": 1})
            wandb.finish(1)
        else:
            os.waitpid(child, 0)
            wandb.log({"parent": 1})
        """
    )
    assert (ended.code, ended.err.count("Traceback")) == (0, 0)
    found = {written.scalars[0].name: written for written in writers(spool)}
    assert [_rows(found["parent"]), _rows(found["child"])] == [[("parent", 0), ("parent", 1)], [("child", 0)]]
    assert [found["parent"].status, found["child"].status] == ["finished", "failed"]


def test_a_run_that_is_sent_to_another_process_is_the_same_run_there(train: Train, spool: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
import copy, multiprocessing
from sitewire.collectors import wandb

def work(run):
    assert (run.id, run.step, run.config.rate, run.summary["loss"], run.tags) == ("job", 1, 0.5, 2.0, ("a",))
    run.log({"there": 1})

if __name__ == "__main__":
    run = wandb.init(config={"rate": 0.5}, tags=["a"])
    run.log({"loss": 2.0})
    assert copy.deepcopy({"run": run})["run"] is run
    process = multiprocessing.get_context("spawn").Process(target=work, args=(run,))
    process.start()
    process.join()
    assert process.exitcode == 0
    run.log({"here": 1})
"""
    )
    ended = train(f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')")
    assert (ended.code, ended.err.count("Traceback")) == (0, 0), ended.err
    assert sorted(_rows(written) for written in writers(spool)) == [[("loss", 0), ("here", 1)], [("there", 1)]]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", "finished"),
        ("raise ZeroDivisionError", "failed"),
        ("wandb.finish(0)", "finished"),
    ],
)
def test_a_program_that_ends_ends_its_runs(train: Train, spool: Path, end: str, status: str) -> None:
    train(
        f"""
        from sitewire.collectors import wandb
        wandb.init()
        wandb.log({{"loss": 0.5}})
        {end}
        """
    )
    assert [(written.status, len(written.scalars)) for written in writers(spool)] == [(status, 1)]
