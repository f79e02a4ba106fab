"""Trainers that leave sending to a sidecar, and what becomes of a run whose trainer is killed and started again."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from support.attempts import APART, verdicts
from support.nats import free_port
from support.product import Process, Site, Trainer, check_sums, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NO_SERVER_LIBRARIES = """
import sys
for name in ("pydantic", "ruamel", "ruamel.yaml", "rich", "numpy", "tensorboardX"):
    sys.modules[name] = None      # importing it raises
from sitewire.deploy.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def serve(here: Site) -> None:
    """Start broker and worker, and nobody who collects."""
    here.start("broker")
    worker = here.start("worker")
    until(lambda: "created route lines" in worker.output, here.logs)


def collect(here: Site) -> Process:
    return here.start("collect", "--spool", "spool", "--url", here.url)


def kill_in_the_middle(here: Site, trainer: Trainer, kills: int) -> None:
    sidecar = collect(here)
    until(lambda: sidecar.output.count("sending what it logs") >= kills, here.logs)  # one log for all of them
    until(lambda: trainer.journal.accepted > 5_000 * kills, here.logs)
    sidecar.kill()


def states(here: Site) -> set[tuple[str, int]]:
    return {(row["state"], row["attempt"]) for row in here.rows()}


def ending(here: Site) -> tuple[str, int] | None:
    """Return what the jsonl sink says of the run's end."""
    file = here.folder / "lines" / "job" / "clinic" / "ending.json"
    if not file.exists():
        return None
    said = json.loads(file.read_text())
    return said["state"], said["attempt"]


def test_what_a_trainer_logs_beside_a_sidecar_is_in_the_trackers_exactly(here: Site) -> None:
    serve(here)
    sidecar = collect(here)
    trainer = here.train(20_000, rate=10_000, SITEWIRE_PUBLISH="none")
    assert trainer.process.wait() == 0, trainer.process.output
    assert trainer.process.output == ""
    here.drain()
    assert all(verdict.exact for verdict in verdicts(here, [trainer]))
    assert states(here) == {("complete", 1)}
    assert sidecar.stop() == 0, sidecar.output
    for word in ("sending what it logs", "has ended", "everything has arrived"):
        assert sidecar.output.count(word) == 1, sidecar.output


def test_a_sidecar_that_is_killed_again_and_again_loses_and_doubles_nothing(here: Site) -> None:
    serve(here)
    trainer = here.train(10**7, rate=10_000, SITEWIRE_PUBLISH="none")
    for kills in range(1, 6):
        kill_in_the_middle(here, trainer, kills)
    sidecar = collect(here)
    trainer.finish()
    here.drain()
    assert sidecar.stop() == 0, sidecar.output
    assert all(verdict.exact for verdict in verdicts(here, [trainer]))
    for row in here.rows():
        check_sums(row)
        assert (row["state"], row["gaps"]) == ("complete", 0), row


def test_a_killed_trainer_has_crashed_and_a_resumed_one_is_the_second_attempt(here: Site) -> None:
    serve(here)
    sidecar = collect(here)
    first = here.train(10**7, seed=APART, rate=10_000, SITEWIRE_PUBLISH="none")
    until(lambda: first.journal.accepted > 10_000, here.logs)
    first.process.kill()
    until(lambda: states(here) == {("crashed", 1)}, here.logs)
    assert "is gone without an end" in sidecar.output
    until(lambda: ending(here) == ("failed", 1), here.logs)
    second = here.train(10**7, seed=2 * APART, rate=10_000, SITEWIRE_PUBLISH="none")
    until(lambda: states(here) == {("running", 2)}, here.logs)
    until(lambda: ending(here) == ("running", 2), here.logs)
    second.finish()
    here.drain()
    assert states(here) == {("complete", 2)}
    until(lambda: ending(here) == ("finished", 2), here.logs)
    assert all(verdict.exact for verdict in verdicts(here, [first, second]))
    assert "attempt 2" in here.run("runs").stdout
    assert sidecar.stop() == 0, sidecar.output


def test_a_crash_that_nobody_saw_closes_the_run_when_its_spool_is_found(here: Site) -> None:
    serve(here)
    trainer = here.train(10**7, rate=10_000)  # publishes by itself, and dies with its publisher
    until(lambda: here.rows() and min(row["delivered"] for row in here.rows()) > 1000, here.logs)
    trainer.process.kill()
    assert ending(here) is None
    sidecar = collect(here)
    until(lambda: states(here) == {("crashed", 1)}, here.logs)
    until(lambda: ending(here) == ("failed", 1), here.logs)
    here.drain()
    assert all(verdict.exact for verdict in verdicts(here, [trainer]))
    assert sidecar.stop() == 0


@pytest.mark.parametrize(("end", "state"), [("", "finished"), ("raise ValueError('diverged')", "failed")])
def test_a_program_that_ends_with_an_error_has_failed_and_all_of_it_is_there(here: Site, end: str, state: str) -> None:
    here.start("up")
    program = f"from sitewire.collectors import Run\nrun = Run()\nrun.log({{'loss': 1.0}}, step=1)\n{end}"
    trainer = here.program([sys.executable, "-c", program], site="clinic", run="job")
    assert trainer.wait() == int(bool(end))
    here.drain()
    assert states(here) == {("complete", 1)}
    until(lambda: ending(here) == (state, 1), here.logs)


def test_two_sidecars_and_trainers_that_publish_share_a_spool_and_double_nothing(here: Site) -> None:
    serve(here)
    sidecars = [collect(here), collect(here)]
    trainers = [
        here.train(15_000, seed=APART * number, rate=10_000, SITEWIRE_PUBLISH=publish)
        for number, publish in enumerate(("none", "thread", "none", "thread"), 1)
    ]
    for trainer in trainers:
        assert trainer.process.wait() == 0, trainer.process.output
    here.drain()
    assert all(verdict.exact for verdict in verdicts(here, trainers))
    for row in here.rows():
        check_sums(row)
        assert (row["state"], row["duplicates"]) == ("complete", 0), row
    assert [sidecar.stop() for sidecar in sidecars] == [0, 0]


def test_a_sidecar_that_is_told_to_stop_sends_what_a_living_trainer_has_logged_by_then(here: Site) -> None:
    serve(here)
    sidecar = collect(here)
    trainer = here.program(
        [sys.executable, "-c", LOG_AND_WAIT], site="clinic", run="job", name="waiting", SITEWIRE_PUBLISH="none"
    )
    until(lambda: "logged" in trainer.output and "sending what it logs" in sidecar.output, here.logs)
    assert sidecar.stop() == 0, sidecar.output
    assert trainer.running
    until(lambda: [row["delivered"] for row in here.rows()] == [50_001] * 2, here.logs)


LOG_AND_WAIT = """
import time
from sitewire.collectors import Run
run = Run()
for step in range(50_000):
    run.log_scalar("loss", 1.0, step)
print("logged", flush=True)
time.sleep(600)
"""


def test_a_sidecar_without_a_broker_says_what_is_left_and_needs_no_server_library(here: Site) -> None:
    trainer = here.train(1000, SITEWIRE_PUBLISH="none")
    assert trainer.process.wait() == 0
    url = f"nats://127.0.0.1:{free_port()}"
    arguments = ["collect", "--spool", "spool", "--timeout", "0.5"]
    sidecar = here.program(
        [sys.executable, "-c", NO_SERVER_LIBRARIES, *arguments], site="x", run="x", name="collect", SITEWIRE_URL=url
    )
    until(lambda: "records wait in the spool" in sidecar.output, here.logs)
    assert sidecar.stop() == 1
    assert "1002 records of 1 writer are left in spool" in sidecar.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--spool", "spool"], "which broker?"),
        (["--url", "nats://127.0.0.1:4222"], "which spool?"),
        (["--spool", "sitewire.yaml", "--url", "nats://127.0.0.1:4222"], "not a directory"),
    ],
)
def test_a_sidecar_that_cannot_work_says_why(here: Site, arguments: list[str], said: str) -> None:
    done: subprocess.CompletedProcess[str] = here.run("collect", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
