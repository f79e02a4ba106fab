"""Every process has a writer of its own; a fork inherits nothing that could hang or be written twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.trainer import Ended, writers

Train = Callable[..., Ended]


def _names(spool: Path) -> list[list[str]]:
    return sorted([record.name for record in written.scalars] for written in writers(spool))


def test_parent_and_child_log_after_a_fork_each_through_its_own_writer(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import Run
        run = Run()
        run.log_scalar("before", 1.0)
        inherited = run._recorder.writer
        child = os.fork()
        if child == 0:      # whoever still holds the parent's writer can write nothing with it
            assert inherited.append_scalar("of the parent", 1.0, 1.0, 0) is False
        for step in range(1000):
            run.log_scalar("child" if child == 0 else "parent", 1.0, step)
        if child:
            os.waitpid(child, 0)
        """
    )
    assert ended.code == 0
    assert "Traceback" not in ended.err
    assert _names(spool) == [["before"] + ["parent"] * 1000, ["child"] * 1000]
    assert [written.status for written in writers(spool)] == ["finished", "finished"]
    assert {written.directory.identity.run for written in writers(spool)} == {"job"}


def test_a_child_of_a_process_that_logs_to_the_run_is_forked_and_one_that_logs_alone_is_not(
    train: Train, spool: Path
) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import Run
        def child(*steps):
            pid = os.fork()
            if pid == 0:
                for step in steps:
                    step()
                os._exit(0)
            os.waitpid(pid, 0)
        quiet, over, loud = Run(run="quiet"), Run(run="over"), Run(run="loud")
        over.log_scalar("parent", 1.0)
        over.finish()
        loud.log_scalar("parent", 1.0)
        for run in (quiet, loud):
            child(
                lambda: run.log_scalar("child", 1.0),
                lambda: child(lambda: run.log_scalar("grandchild", 1.0)),
            )
        child(lambda: Run(run="loud").log_scalar("made by the child", 1.0))
        child(lambda: Run(run="over").log_scalar("made by the child", 1.0))
        """
    )
    assert ended.code == 0, ended.err
    found = {(w.directory.identity.run, w.scalars[0].name): w.directory.identity.forked for w in writers(spool)}
    assert found == {
        ("loud", "parent"): False, ("loud", "child"): True, ("loud", "grandchild"): True,
        ("loud", "made by the child"): True,
        ("quiet", "child"): False, ("quiet", "grandchild"): True,
        ("over", "parent"): False, ("over", "made by the child"): False,
    }  # fmt: skip


def test_a_child_that_never_logs_leaves_nothing(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import Run
        run = Run()
        run.log_scalar("before", 1.0)
        if child := os.fork():
            os.waitpid(child, 0)
            run.log_scalar("after", 1.0)
        """
    )
    assert ended.code == 0
    assert _names(spool) == [["before", "after"]]


def test_a_fork_before_the_first_record_shares_nothing(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import Run
        run = Run()
        child = os.fork()
        run.log_scalar("child" if child == 0 else "parent", 1.0)
        if child:
            os.waitpid(child, 0)
        """
    )
    assert ended.code == 0
    assert _names(spool) == [["child"], ["parent"]]


def test_forks_while_other_threads_log_never_hang(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os, threading
        from sitewire.collectors import Run
        run, stop, counts = Run(), threading.Event(), []
        def log():
            step = 0
            while not stop.wait(0.001):     # inside a log call at most forks, but not a million of them
                for _ in range(10):
                    run.log_scalar("thread", 1.0, step)
                    step += 1
            counts.append(step)
        threads = [threading.Thread(target=log) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(20):
            child = os.fork()
            if child == 0:
                run.log_scalar("child", 1.0, number)
                run.finish()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        print(sum(counts))
        """,
        timeout=60,
        SITEWIRE_PUBLISH="none",
    )
    assert (ended.code, ended.err) == (0, "")
    found = writers(spool)
    assert len(found) == 21
    lengths = sorted(len(written.scalars) for written in found)
    assert lengths == [1] * 20 + [int(ended.out)]
    assert all(written.status == "finished" for written in found)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_end_their_writers(train: Train, spool: Path, tmp_path: Path, method: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing
from sitewire.collectors import Run

def work(run, number):
    for step in range(100):
        run.log_scalar(f"worker {{number}}", 1.0, step)
    if number == 2:
        raise ValueError("on purpose")

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    run = Run()
    run.log_scalar("main", 1.0)
    workers = [context.Process(target=work, args=(run, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    run.log_scalar("main", 1.0)
    print([worker.exitcode for worker in workers])
"""
    )
    ended = train(
        f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, {str(program)!r}]))",
    )
    assert (ended.code, ended.out) == (0, "[0, 0, 1]\n"), ended.err
    found = {written.scalars[0].name: written for written in writers(spool)}
    assert {name: len(written.scalars) for name, written in found.items()} == {
        "main": 2, "worker 0": 100, "worker 1": 100, "worker 2": 100,
    }  # fmt: skip
    assert {name: written.status for name, written in found.items()} == {
        "main": "finished", "worker 0": "finished", "worker 1": "finished", "worker 2": "failed",
    }  # fmt: skip


def test_a_data_loaders_workers_may_log_beside_their_parent(train: Train, spool: Path) -> None:
    ended = train(
        """
        import multiprocessing
        from sitewire.collectors.tensorboard import SummaryWriter
        def load(tasks, results):
            while (step := tasks.get()) is not None:
                writer.add_scalar("loaded", 1.0, step)
                results.put(step)
        context = multiprocessing.get_context("fork")
        writer = SummaryWriter("runs/a")
        for epoch in range(3):      # new workers for each epoch, as a loader makes them
            tasks, results = context.Queue(), context.Queue()
            workers = [context.Process(target=load, args=(tasks, results), daemon=True) for _ in range(2)]
            for worker in workers:
                worker.start()
            for step in range(50):
                tasks.put(step)
                writer.add_scalar("trained", 1.0, step)
                results.get(timeout=20)
            for worker in workers:
                tasks.put(None)
            for worker in workers:
                worker.join()
        writer.close()
        """,
        timeout=60,
    )
    assert ended.code == 0, ended.err
    found = writers(spool)
    names = [record.name for written in found for record in written.scalars]
    assert (names.count("loaded"), names.count("trained")) == (150, 150)
    assert len([written for written in found if written.scalars[0].name == "trained"]) == 1
    assert all(written.status == "finished" for written in found)


def test_a_child_that_leaves_at_once_loses_nothing(train: Train, spool: Path) -> None:
    ended = train(
        """
        import os
        from sitewire.collectors import Run
        run = Run()
        run.log_scalar("parent", 1.0)
        if os.fork() == 0:
            run.log_scalar("child", 1.0)
            os._exit(0)
        os.wait()
        """
    )
    assert ended.code == 0
    assert {written.scalars[0].name: written.status for written in writers(spool)} == {
        "parent": "finished", "child": None,
    }  # fmt: skip


def test_the_first_record_imports_nothing_so_that_no_forked_child_waits_for_a_modules_lock(train: Train) -> None:
    ended = train(
        """
        import sys
        from sitewire.collectors import Run
        run = Run()
        before = set(sys.modules)
        run.log_scalar("loss", 1.0)
        print(sorted(set(sys.modules) - before))
        """
    )
    assert ended.out.strip() == "[]"


def test_children_do_not_say_again_that_the_broker_is_away(train: Train) -> None:
    ended = train(
        """
        import os, time
        from sitewire.collectors import Run
        from sitewire.collectors.publisher import link
        run = Run()
        run.log_scalar("loss", 1.0)
        while not link._said:
            time.sleep(0.01)
        for _ in range(3):
            child = os.fork()
            if child == 0:
                run.log_scalar("child", 1.0)
                run.flush(1.0)      # time enough to meet the trouble
                os._exit(0)
            os.waitpid(child, 0)
        """,
        timeout=60,
        SITEWIRE_URL="nats://127.0.0.1:1",
    )
    assert ended.code == 0
    assert ended.err.count("is not reachable") == 1, ended.err
