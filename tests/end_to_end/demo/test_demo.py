"""The demo in a process of its own, small: its exit code, its words, and what is on the disk afterwards."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitewire.broker_config.load import load_config
from sitewire.deploy.demo.books import differences
from sitewire.deploy.demo.readers import read_points
from sitewire.schemas.series import named
from sitewire.schemas.subject import RunKey
from support.hparams_page import python_provider, read_page

pytestmark = [pytest.mark.nats, pytest.mark.slow, pytest.mark.timeout(180)]

SITEWIRE = Path(sys.executable).parent / "sitewire"
SMALL = ("--sites", "4", "--rounds", "2")
ROUTES = ("mlflow", "tensorboard", "wandb")
ORIGINS = ("server", "site-1", "site-2", "site-3", "site-4")


def command(out: Path, *more: str) -> list[str]:
    return [str(SITEWIRE), "demo", "--out", str(out), *SMALL, *more]


def run_demo(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(out, *more), capture_output=True, text=True, timeout=150, check=False)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def first(out: Path) -> subprocess.CompletedProcess[str]:
    return run_demo(out)


def receipts(text: str) -> dict[tuple[str, str], tuple[str, int, int, int]]:
    found = re.findall(r"^(\S+) +(\S+) +(\w+) +(\d+) +(\d+) +(\d+)$", text, re.MULTILINE)
    return {(site, route): (state, int(a), int(b), int(c)) for site, route, state, a, b, c in found}


def accuracy(text: str) -> str:
    found = re.search(r"Accuracy on images that no site holds: ([\d.]+%)", text)
    assert found is not None
    return found[1]


def members(group: int) -> list[str]:
    """Return a process group's living members, as Linux describes them: pid, name, state, parent, group, ..."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            line = file.read_text()
        except OSError:  # it ended meanwhile
            continue
        state, _, number, *_ = line.rpartition(")")[2].split()
        if int(number) == group and state != "Z":
            found.append(line)
    return found


def wait_until_gone(group: int) -> None:
    """Wait for the last helper of ``multiprocessing``, which ends a moment after its parent."""
    deadline = time.monotonic() + 10
    while left := members(group):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def scalars_by_tag(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), {"scalars": 0}).Reload()
    return {tag: [(item.step, item.value) for item in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_it_ends_with_0_and_a_receipt_for_every_site_and_route(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    table = receipts(first.stdout)
    assert sorted(table) == sorted((site, route) for site in ORIGINS for route in ROUTES)
    for state, logged, sent, delivered in table.values():
        assert state == "complete"
        assert logged == sent == delivered > 0
    assert "Every receipt adds up" in first.stdout
    assert "No image and no label." in first.stdout
    out = first.args[3]
    assert re.search(
        r"^All \d+ points, each once, are found by a query of MLflow's tables, T.* and W", first.stdout, re.MULTILINE
    )
    for line in (
        f"mlflow ui --workers 1 --backend-store-uri sqlite:///{out}/mlflow.db",
        f"tensorboard --logdir {out}/runs",
        f"wandb leet {out}/wandb",
        f"wandb sync {out}/wandb/offline-run-*",
    ):
        assert line in first.stdout


def test_what_tensorboard_reads_is_what_was_logged_each_once(
    first: subprocess.CompletedProcess[str], out: Path
) -> None:
    (run,) = (out / "runs").glob("demo-*")
    for site in ORIGINS[1:]:
        points = scalars_by_tag(run / site)
        steps = [step for step, _ in points["train/loss"]]
        assert steps == list(range(len(steps)))
        assert [step for step, _ in points["val/accuracy"]] == [1, 2]
    assert [step for step, _ in scalars_by_tag(run / "server")["global/accuracy"]] == [0, 1, 2]


def test_each_syntax_arrives_in_each_tracker_with_settings_and_result(
    first: subprocess.CompletedProcess[str], out: Path
) -> None:
    settings = {"rate": 0.02, "momentum": 0.9, "batch": 8.0, "alpha": 0.5}
    page = {name.split("/", 1)[1]: row for name, row in read_page(python_provider(out / "runs")).items()}
    # The first site's syntax has a session of its own, below the run.
    assert {str(named(name)): row.params for name, row in page.items()} == dict.fromkeys(ORIGINS[1:], settings)
    assert {row.status for row in page.values()} == {"STATUS_SUCCESS"}
    with closing(sqlite3.connect(out / "mlflow.db")) as store:
        rows = store.execute("select value from params join runs using (run_uuid) where params.key = 'rate'").fetchall()
        results = store.execute("select count(*) from metrics where key = 'accuracy'").fetchone()
        ends = store.execute("select status from runs where lifecycle_stage = 'active'").fetchall()
    assert rows == [("0.02",)] * 4
    assert results == (4,)
    assert ends == [("FINISHED",)] * 6  # each site's, the server's, and the job's
    assert len(list((out / "wandb").glob("offline-run-*"))) == len(ORIGINS)


def test_a_point_that_a_tracker_does_not_hold_is_named(
    first: subprocess.CompletedProcess[str], out: Path, tmp_path: Path
) -> None:
    place = tmp_path / "copy"
    shutil.copytree(out, place, ignore=shutil.ignore_patterns("jetstream", "spool"))
    (run,) = (path.name for path in (out / "runs").glob("demo-*"))
    config = load_config(place / "sitewire.yaml")
    origin = RunKey("site-2", run)
    logged = dict(read_points(config.route("tensorboard"), origin) or {})
    assert differences(config, {origin: logged}) == []
    with closing(sqlite3.connect(place / "mlflow.db")) as store, store:
        store.execute("delete from metrics where key = 'val/loss' and step = 2")
    (file,) = (place / "wandb").glob("offline-run-*-site-2-*/*.wandb")
    os.truncate(file, file.stat().st_size // 2)
    inside_mlflow, inside_wandb = differences(config, {origin: logged})
    assert "mlflow in sqlite:///" in inside_mlflow
    assert "'val/loss': 1" in inside_mlflow
    assert f"wandb in {place} holds" in inside_wandb


def test_its_config_file_is_one_to_go_on_with(first: subprocess.CompletedProcess[str], out: Path) -> None:
    file = str(out / "sitewire.yaml")
    assert subprocess.run([SITEWIRE, "check", "-c", file], check=False).returncode == 0
    with subprocess.Popen([SITEWIRE, "up", "-c", file], stderr=subprocess.DEVNULL) as up:
        try:
            assert subprocess.run([SITEWIRE, "drain", "-c", file, "--timeout", "60"], check=False).returncode == 0
            shown = subprocess.run([SITEWIRE, "runs", "-c", file, "--json"], capture_output=True, check=True).stdout
        finally:
            up.terminate()
    assert up.returncode == 0
    rows = json.loads(shown)
    assert {row["state"] for row in rows} == {"complete"}
    assert all(row["logged"] == row["sent"] == row["delivered"] for row in rows)


def test_ctrl_c_ends_every_process_and_says_how_to_go_on(tmp_path: Path) -> None:
    with _in_a_terminal(command(tmp_path / "out", "--rounds", "1000")) as (process, read):
        seen = read(lambda text: "round 3 of" in text)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does: to every process of the demo
        seen += read(lambda _: False)
        assert process.wait(60) == 130, seen
    assert "Stopped. What was logged is kept" in seen
    assert "Traceback" not in seen
    wait_until_gone(process.pid)


def test_a_second_demo_is_a_run_beside_the_first_and_a_terminal_gets_bars_of_every_site_and_route(
    first: subprocess.CompletedProcess[str], out: Path
) -> None:
    with _in_a_terminal(command(out)) as (process, read):
        seen = read(lambda _: False)
        assert process.wait(60) == 0, seen
    for name in (*ORIGINS[1:], *ROUTES):
        assert re.search(rf"{name} +[^\n]*100 %", seen)
    assert accuracy(seen) == accuracy(first.stdout)  # of the same seed
    assert len(list((out / "runs").glob("demo-*"))) == 2


@pytest.mark.parametrize("library", ["sklearn", "mlflow", "wandb"])
def test_a_missing_extra_is_one_line_that_names_it(library: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules['{library}'] = None; from sitewire.deploy.cli.main import main; sys.exit(main())"
    found = subprocess.run(
        [sys.executable, "-c", code, "demo", "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert f'{library} is not installed; pip install "sitewire[demo]"' in found.stderr


@pytest.mark.parametrize(
    "bad", [("--sites", "0"), ("--sites", "65"), ("--alpha", "nan"), ("--rounds", "x"), ("--seed", "-1")]
)
def test_numbers_that_make_no_sense_are_a_usage_error(bad: tuple[str, str], tmp_path: Path) -> None:
    found = run_demo(tmp_path / "out", *bad)
    assert found.returncode == 2
    assert bad[0] in found.stderr
    assert not (tmp_path / "out").exists()


Reader = Callable[[Callable[[str], bool]], str]


class _in_a_terminal:  # noqa: N801  a context manager
    """Run a command with a terminal of its own; its reader returns what came until enough was seen, or the end."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments

    def __enter__(self) -> tuple[subprocess.Popen[bytes], Reader]:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            self._arguments,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
        )
        os.close(theirs)
        return self._process, self._read

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._ours)

    def _read(self, enough: Callable[[str], bool]) -> str:
        text = ""
        for part in self._parts():
            text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", part.decode(errors="replace"))
            if enough(text):
                break
        return text

    def _parts(self) -> Iterator[bytes]:
        while True:
            try:
                part = os.read(self._ours, 65536)
            except OSError:  # Linux: nobody has the other end any more
                return
            if not part:
                return
            yield part
