"""The product's processes as people run them: started by command, logs in a file, ended by signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.config import write_config
from support.journal import Journal
from support.live import Found, folder_of, read_points
from support.nats import free_port
from support.verdict import Verdict, judge

SITEWIRE = Path(sysconfig.get_path("scripts")) / "sitewire"
TESTS = Path(__file__).parent.parent
PATIENCE = 60.0  # seconds for what takes one or two on an idle machine

CONFIG = """\
broker:
  embedded: {{port: {port}, store: store}}
collect: {{spool: spool}}
routes:
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
  lines:
    subjects: ["metrics.*.*.scalars.>"]
    sink: {{type: jsonl, dir: lines}}
"""


class Process:
    """A process of which the output goes to a file."""

    def __init__(self, log: Path, arguments: list[str], cwd: Path, variables: Mapping[str, str] | None = None) -> None:
        self.log = log
        environ = {name: value for name, value in os.environ.items() if not name.startswith("SITEWIRE_")}
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                arguments, cwd=cwd, env={**environ, **(variables or {})}, stdout=file, stderr=file
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def halted(self) -> bool:
        """Whether it is stopped, or gone."""
        if not self.running:
            return True
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] == "T"

    def catches(self, number: signal.Signals) -> bool:
        """Whether it has a handler for a signal by now."""
        if not self.running:
            return False
        status = Path(f"/proc/{self.pid}/status").read_text()
        return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the end; return the exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            message = f"still running after {timeout} s: {self.output[-3000:]}"
            raise AssertionError(message) from error

    def children(self) -> list[int]:
        """Return the process ids of its children."""
        found: list[int] = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                found += map(int, (task / "children").read_text().split())
        return found


@dataclass(frozen=True)
class Trainer:
    """A trainer under load, and its own log."""

    process: Process
    journal: Journal
    seed: int
    site: str
    run: str

    @property
    def label(self) -> str:
        """Its run and site, for people."""
        return f"{self.run} of {self.site}"

    def finish(self) -> None:
        """Have it log no more and end in order."""
        self.journal.stopping = True
        assert self.process.wait() == 0, self.process.output

    def judge(self, logdir: Path) -> Verdict:
        """Compare its own log with what TensorBoard's reader finds."""
        return self.compare(read_points(folder_of(logdir, self.site, self.run)))

    def compare(self, found: Found) -> Verdict:
        """Compare its own log with what a reader found."""
        return judge(self.seed, found, self.journal.accepted, self.journal.attempted)


class Site:
    """A folder with a config file, and the commands run in it.

    Attributes:
        folder: of the config file; store, spool, ``runs`` and ``lines`` are in it.
        url: the embedded broker's.
    """

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        self.folder = folder
        port = free_port()
        self.url = f"nats://127.0.0.1:{port}"
        self._processes: list[Process] = []
        write_config(folder, config.format(port=port))

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def logdir(self) -> Path:
        return self.folder / "runs"

    def start(self, *arguments: str, program: Sequence[str] = (str(SITEWIRE),), **variables: str) -> Process:
        """Start a command in the background; its log is ``<command>.log``.

        Args:
            arguments: the command and its arguments.
            program: what understands them.
            variables: its environment, beside the test's own without any ``SITEWIRE_``.
        """
        log = self.folder / f"{arguments[0]}.log"
        return self._add(Process(log, [*program, *arguments], self.folder, variables))

    def run(self, *arguments: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [str(SITEWIRE), *arguments], cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False
        )

    def train(
        self, count: int, *, site: str = "clinic", run: str = "job", seed: int = 1, rate: int = 0, **variables: str
    ) -> Trainer:
        """Start a trainer that logs ``count`` points, ``rate`` of them a second or as fast as it can."""
        (trainer,) = self.train_runs(count, [run], site=site, seed=seed, rate=rate, **variables)
        return trainer

    def train_runs(
        self, count: int, runs: Sequence[str], *, site: str, seed: int, rate: int = 0, **variables: str
    ) -> list[Trainer]:
        """Start one process that trains several runs, by turns; ``count`` points each, ``rate`` of all together.

        Args:
            count: of each run.
            runs: their ids.
            site: of all.
            seed: of the first run; the others' are the next ones.
            rate: points a second; 0 is as fast as it can.
        """
        files = [self.folder / f"journal-{seed + number}" for number in range(len(runs))]
        journals = [Journal.create(file) for file in files]
        arguments = [sys.executable, "-m", "support.load", str(count), str(rate)]
        for number, (file, run) in enumerate(zip(files, runs, strict=True)):
            arguments += [str(file), str(seed + number), run]
        name = f"trainer-{seed}"
        process = self.program(arguments, site=site, run=runs[0], name=name, PYTHONPATH=str(TESTS), **variables)
        return [Trainer(process, journals[n], seed + n, site, run) for n, run in enumerate(runs)]

    def program(self, arguments: list[str], *, site: str, run: str, name: str = "trainer", **variables: str) -> Process:
        """Start any trainer, with this folder's broker and spool in its environment."""
        environ = {
            "SITEWIRE_URL": self.url,
            "SITEWIRE_SPOOL": str(self.spool),
            "SITEWIRE_SITE": site,
            "SITEWIRE_RUN": run,
            **variables,
        }
        return self._add(Process(self.folder / f"{name}.log", arguments, self.folder, environ))

    def rows(self) -> list[dict[str, Any]]:
        """Return ``runs --json``."""
        done = self.run("runs", "--json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def drain(self, timeout: float = PATIENCE) -> None:
        """Run ``drain``; everything must be delivered in time."""
        done = self.run("drain", "--timeout", f"{timeout:g}", timeout=timeout + PATIENCE)
        assert done.returncode == 0, f"{done.stderr}\n{self.logs()}"

    def logs(self) -> str:
        """Return the ends of all logs."""
        return "\n".join(
            f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in self.folder.glob("*.log")
        )

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            if process.running:
                process.kill()

    def _add(self, process: Process) -> Process:
        self._processes.append(process)
        return process


@contextmanager
def site_in(folder: Path, config: str = CONFIG) -> Iterator[Site]:
    """A site of which every process ends with the block."""
    site = Site(folder, config)
    try:
        yield site
    finally:
        site.end()


def until(condition: Callable[[], object], what: Callable[[], str] = str, timeout: float = PATIENCE) -> None:
    """Wait for a condition; ``what`` says what was waited for in vain."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what()}"
        time.sleep(0.01)


def check_sums(row: Mapping[str, Any]) -> None:
    """Assert that a row of ``runs --json`` adds up."""
    fates = ("delivered", "filtered", "refused", "dead_letters", "gaps", "pending")
    assert row["sent"] == sum(row[name] for name in fates), row
    assert row["gaps"] == sum(row["holes"].values()), row


def kill_process(pid: int) -> None:
    """SIGKILL by number, of a process that is not our child."""
    os.kill(pid, signal.SIGKILL)
