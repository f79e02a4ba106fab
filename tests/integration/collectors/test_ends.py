"""However a trainer ends, it ends in time, and what it logged is there."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from support.trainer import Ended, scalars, writers

Train = Callable[..., Ended]

LOG_100 = """
from sitewire.collectors import Run
run = Run()
for step in range(100):
    run.log_scalar("loss", 1.0, step)
"""


def _quiet(ended: Ended) -> bool:
    return not any(word in ended.err for word in ("Traceback", "Exception ignored", "Fatal"))


def _is_complete(spool: Path) -> bool:
    return [step for _, _, step in scalars(spool)] == list(range(100))


def test_a_program_that_ends_finishes_its_run_and_says_what_waits(train: Train, spool: Path) -> None:
    ended = train(LOG_100)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == (
        f"sitewire: 102 records wait in {spool}; they are sent by the next run here, or by: sitewire sync {spool}\n"
    )
    assert _is_complete(spool)
    assert writers(spool)[0].status == "finished"


def test_a_program_whose_sidecar_publishes_ends_without_a_word(train: Train, spool: Path) -> None:
    assert train(LOG_100, SITEWIRE_PUBLISH="none") == Ended(0, "", "")
    assert _is_complete(spool)


def test_an_uncaught_exception_fails_the_run_and_is_shown_as_ever(train: Train, spool: Path) -> None:
    ended = train(LOG_100 + "raise ValueError('diverged')")
    assert ended.code == 1
    assert "ValueError: diverged" in ended.err
    assert _is_complete(spool)
    assert writers(spool)[0].status == "failed"


def test_a_hook_of_the_trainers_own_still_sees_its_exceptions(train: Train, spool: Path) -> None:
    ended = train("import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n" + LOG_100 + "1 / 0")
    assert ended.out == "hook ZeroDivisionError\n"
    assert writers(spool)[0].status == "failed"


def test_an_interrupt_from_the_keyboard_fails_the_run(train: Train, spool: Path) -> None:
    ended = train("import os, signal\n" + LOG_100 + "os.kill(os.getpid(), signal.SIGINT)")
    assert ended.code == -signal.SIGINT
    assert writers(spool)[0].status == "failed"


@pytest.mark.parametrize("code", [0, 3])
def test_an_exit_keeps_its_code(train: Train, spool: Path, code: int) -> None:
    ended = train(f"import sys\n{LOG_100}sys.exit({code})")
    assert ended.code == code
    assert writers(spool)[0].status == "finished"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os._exit(4)", 4),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.abort()", -signal.SIGABRT),
    ],
)
def test_a_killed_trainer_loses_nothing_that_a_log_call_returned_from(
    train: Train, spool: Path, end: str, code: int
) -> None:
    ended = train("import os, signal\n" + LOG_100 + end)
    assert ended.code == code
    assert _is_complete(spool)
    (written,) = writers(spool)
    assert written.status is None
    assert not written.directory.is_alive()


def test_a_handler_of_sigterm_may_finish_the_run_in_the_middle_of_a_log_call(train: Train, spool: Path) -> None:
    ended = train(
        """
        import itertools, os, signal, sys, threading
        from sitewire.collectors import Run
        run = Run()
        def end(*_):
            run.finish("failed")
            sys.exit(7)
        signal.signal(signal.SIGTERM, end)
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        for step in itertools.count():
            run.log_scalar("loss", 1.0, step)
        """
    )
    assert ended.code == 7
    assert _quiet(ended)
    steps = [step for _, _, step in scalars(spool)]
    assert steps == list(range(len(steps)))
    assert writers(spool)[0].status == "failed"


def test_what_exit_handlers_and_finalizers_log_does_no_harm(train: Train, spool: Path) -> None:
    ended = train(
        """
        import atexit
        def log_late():     # registered before the import: runs after the end of the runs
            run.log_scalar("after", 1.0)
            SummaryWriter("after").add_scalar("after", 1.0)
            trainer.writer.add_scalar("after", 1.0)
            Run("another").log_scalar("after", 1.0)
        atexit.register(log_late)
        from sitewire.collectors import Run
        from sitewire.collectors.tensorboard import SummaryWriter
        run = Run()
        atexit.register(lambda: run.log_scalar("at exit", 1.0))
        class Trainer:
            def __init__(self):
                self.writer, self.run = SummaryWriter(), run
            def __del__(self):
                self.writer.add_scalar("x", 1.0)
                self.run.log_scalar("del", 1.0)
                self.writer.close()
                SummaryWriter("other").add_scalar("x", 1.0)
        trainer = Trainer()
        trainer.self = trainer
        run.log_scalar("loss", 1.0)
        """
    )
    assert ended.code == 0
    assert _quiet(ended), ended.err
    names = {name for written in writers(spool) for name in (record.name for record in written.scalars)}
    assert {"loss", "at exit"} <= names
    assert "after" not in names
    assert all(written.status == "finished" for written in writers(spool))


def test_threads_that_log_while_the_program_ends_do_no_harm(train: Train, spool: Path) -> None:
    ended = train(
        """
        import threading, time
        from sitewire.collectors import Run
        run = Run()
        def forever():
            while True:
                run.log_scalar("forever", 1.0)
                time.sleep(0.0001)
        def outlive_the_main_thread():
            time.sleep(0.05)
            for step in range(100):
                run.log_scalar("loss", 1.0, step)
        for _ in range(4):
            threading.Thread(target=forever, daemon=True).start()
        threading.Thread(target=outlive_the_main_thread).start()
        """,
        timeout=20,
    )
    assert ended.code == 0
    assert _quiet(ended), ended.err
    (written,) = writers(spool)
    assert [record.step for record in written.scalars if record.name == "loss"] == list(range(100))
    assert written.status == "finished"


def test_an_exit_or_exception_in_a_thread_does_not_end_the_run(train: Train, spool: Path) -> None:
    ended = train(
        """
        import sys, threading
        from sitewire.collectors import Run
        run = Run()
        def leave():
            run.log_scalar("loss", 0.0, 0)
            sys.exit(3)
        def fail():
            run.log_scalar("loss", 0.0, 1)
            raise ValueError("in a thread")
        for target in (leave, fail):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
        run.log_scalar("loss", 0.0, 2)
        """
    )
    assert ended.code == 0
    assert [step for _, _, step in scalars(spool)] == [0, 1, 2]
    assert writers(spool)[0].status == "finished"


@pytest.mark.parametrize("how", ["sys.stderr.close()", "sys.stderr = None", "import os; os.close(2)"])
def test_a_program_without_standard_error_ends_in_order(train: Train, spool: Path, how: str) -> None:
    assert train(f"import sys\n{how}\n{LOG_100}run.log_scalar('', 1.0)").code == 0
    assert _is_complete(spool)


def test_a_prompt_where_a_statement_failed_does_not_fail_the_run(train: Train, spool: Path) -> None:
    ended = train(
        """
        import code, sys
        sys.ps1 = ">>> "
        prompt = code.InteractiveInterpreter()
        cell = "from sitewire.collectors import Run; run = Run(); run.log_scalar('loss', 1.0)"
        for source in (cell, "1 / 0", cell, cell):
            prompt.runsource(source)
        """
    )
    assert ended.code == 0
    found = writers(spool)
    assert len(found) == 3
    assert [written.status for written in found] == ["finished"] * 3
    assert {written.directory.identity.run for written in found} == {"job"}


def test_a_trainer_that_is_disabled_costs_and_leaves_nothing(train: Train, spool: Path) -> None:
    assert train(LOG_100, SITEWIRE_DISABLED="1", SITEWIRE_SITE="") == Ended(0, "", "")
    assert not spool.exists()


def test_an_environment_that_is_unusable_is_told_once_and_training_goes_on(train: Train, spool: Path) -> None:
    ended = train(LOG_100 + "print(run.refused)", SITEWIRE_SITE="bad\tsite", SITEWIRE_EXIT_TIMEOUT="soon")
    assert (ended.code, ended.out) == (0, "{'off': 100}\n")
    assert ended.err.count("SITEWIRE_SITE") == 2  # once for the environment, once for the refused calls
    assert ended.err.count("SITEWIRE_EXIT_TIMEOUT") == 1
    assert not spool.exists()


def test_an_interrupt_in_the_end_itself_still_finishes_every_run(train: Train, spool: Path) -> None:
    ended = train(
        """
        from sitewire.collectors import Run
        from sitewire.collectors.recorder import Recorder
        runs = [Run(run=f"run-{number}") for number in range(3)]
        for run in runs:
            run.log_scalar("loss", 1.0)
        finish, interrupted = Recorder.finish, []
        def interrupt_once(self, status):
            if not interrupted:
                interrupted.append(self)
                raise KeyboardInterrupt
            finish(self, status)
        Recorder.finish = interrupt_once
        """
    )
    assert ended.code == 0
    assert _quiet(ended), ended.err
    assert [written.status for written in writers(spool)] == ["finished"] * 3
