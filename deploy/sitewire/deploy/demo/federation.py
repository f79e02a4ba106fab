"""The processes of a federated training: one for each site and one for the coordinator."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final

from sitewire.deploy.demo import digits
from sitewire.deploy.demo.coordinator import CoordinatorTask, run_coordinator
from sitewire.deploy.demo.errors import SiteEnded
from sitewire.deploy.demo.examples import Examples
from sitewire.deploy.demo.messages import Finished, News, Ready
from sitewire.deploy.demo.plan import SERVER, Plan
from sitewire.deploy.demo.site import SiteTask, run_site
from sitewire.deploy.demo.split import dirichlet_split

EXIT_SECONDS: Final = 15.0
"""That a process may take to end: its writers' exit timeout, and some more on a busy machine."""

# Sites share the machine's cores; and sums come out the same whatever their number is.
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_OTHERS: Final = ("SITEWIRE_", "MLFLOW_", "WANDB_")
"""Variables of the user's own: they say where their trainings log, and may turn it off."""


class Federation:
    """A training that is started once, followed to its end, or stopped.

    Args:
        plan: the training.
        environment: the ``SITEWIRE_*`` variables of every process, without ``SITEWIRE_SITE``.
    """

    def __init__(self, plan: Plan, environment: Mapping[str, str]) -> None:
        self._plan = plan
        self._environment = environment
        self._context = multiprocessing.get_context("spawn")
        self._processes: dict[str, SpawnProcess] = {}
        self._news: dict[str, Connection] = {}
        self._examples: dict[str, Examples] = {}
        self._begun: set[str] = set()
        self._stop_reader, self._stop_writer = self._context.Pipe(duplex=False)

    def start(self) -> None:
        """Deal out the examples and start every process, deaf to Ctrl-C. Call it from the main thread.

        None of them is waited for, which takes seconds: each gets its examples when it asks for them, in ``follow``.
        """
        plan = self._plan
        rest, test = digits.load().divide(plan.test_share, plan.random(0))
        hands = dirichlet_split(rest.labels, plan.sites, plan.alpha, plan.random(3))
        self._examples = {name: rest.take(hand) for name, hand in zip(plan.names, hands, strict=True)} | {SERVER: test}
        ends: list[Connection] = []
        with _interrupts_held_back():
            for number, name in enumerate(plan.names):
                end, theirs = self._context.Pipe()
                news = self._pipe_for_news(name)
                self._start(name, run_site, SiteTask(plan, number, theirs, news))
                _close(theirs, news)
                ends.append(end)
            news = self._pipe_for_news(SERVER)
            self._start(SERVER, run_coordinator, CoordinatorTask(plan, ends, news))
            _close(*ends, news)  # what a process holds alone ends with it, and the others notice

    def follow(self, tell: Callable[[News], None]) -> None:
        """Pass on all news until every process has ended. Blocks; for a thread of its own.

        Raises:
            SiteEnded: a process ended before its work was done, or ``stop`` was called; all are ended then.
        """
        try:
            finished = self._read(tell)
            for process in self._processes.values():
                process.join(EXIT_SECONDS)
            self._check(finished)
        finally:
            self._end()

    def stop(self) -> None:
        """Have ``follow`` end everything. From any thread."""
        self._stop_writer.send(None)

    def _pipe_for_news(self, name: str) -> Connection:
        self._news[name], theirs = self._context.Pipe()
        return theirs

    def _start(self, name: str, target: Callable[..., None], task: SiteTask | CoordinatorTask) -> None:
        process = self._context.Process(target=target, args=(task,), name=name, daemon=True)
        with _environment({**self._environment, "SITEWIRE_SITE": name}):
            process.start()
        self._processes[name] = process

    def _read(self, tell: Callable[[News], None]) -> set[str]:
        """Pass on news until every process has let go of its pipe; return who had finished. One's end ends all."""
        names = {end: name for name, end in self._news.items()}
        finished: set[str] = set()
        while names:
            for end in self._heard(names):
                try:
                    news: News | Ready = end.recv()
                    if isinstance(news, Ready):
                        self._begin(news.name, end)
                        continue
                except (EOFError, ConnectionError):  # the latter if it has left something unread
                    del names[end]
                    continue
                if isinstance(news, Finished):
                    finished.add(news.site)
                tell(news)
        return finished

    def _heard(self, ends: Iterable[Connection]) -> list[Connection]:
        """Wait for somebody to have said something; nobody's word counts any more once we are to stop."""
        heard = wait([*ends, self._stop_reader])
        if self._stop_reader in heard:
            msg = "the training was stopped"
            raise SiteEnded(msg)
        return [end for end in heard if isinstance(end, Connection)]

    def _begin(self, name: str, end: Connection) -> None:
        self._begun.add(name)
        end.send(self._examples[name])  # it reads: nothing is waited for

    def _check(self, finished: set[str]) -> None:
        failed = {name: process.exitcode for name, process in self._processes.items() if process.exitcode}
        # Who failed took the others along: name the cause first.
        for name in (*failed, *(self._processes.keys() - finished)):
            msg = f"{name} ended too early (exit code {failed.get(name, 0)}); what it logged is kept"
            raise SiteEnded(msg)

    def _end(self) -> None:
        """Let go of the pipes, at which every process ends by itself; kill those that do not.

        One that still imports its libraries has nothing to lose, and would notice in some seconds only.
        """
        for name in self._processes.keys() - self._begun:
            self._processes[name].kill()
        _close(*self._news.values())
        for process in self._processes.values():
            process.join(EXIT_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()


def _close(*ends: Connection) -> None:
    for end in ends:
        end.close()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set the environment that a process starts with; what the user's own has for trackers is not meant for it."""
    before = dict(os.environ)
    try:
        for name in [name for name in before if name.startswith(_OTHERS)]:
            del os.environ[name]
        os.environ.update({**_ONE_THREAD, **variables})
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C, which goes to all of a terminal's: we end them in order."""
    resource_tracker.ensure_running()  # starting it later would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
