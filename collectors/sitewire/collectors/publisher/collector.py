"""All writers of a spool: finds them, drains those that nobody else drains, removes what is past its time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sitewire.broker_config.errors import BrokerError
from sitewire.collectors.errors import SpoolBusy, SpoolError
from sitewire.collectors.publisher.drain import Drain
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.schemas.errors import SubjectError
from sitewire.schemas.record import RecordClass

SCAN_INTERVAL = 2.0  # seconds between two looks for writers that came or died
MOST_AT_ONCE = 64  # drains of dead writers; bounds memory and open files, the others wait their turn
MOST_AGAIN = 2  # looks at writers that were drained before; a shared spool has hundreds, and training goes first

Progress = Callable[[Mapping[RecordClass, int]], None]


class News(StrEnum):
    """What happens to a writer."""

    CAME = "came"
    """It is being drained."""
    ENDED = "ended"
    """It has ended in order, or is a forked child that is gone; all of it has been sent."""
    CRASHED = "crashed"
    """Its process is gone without its end; all of it has been sent."""


Tell = Callable[[News, WriterDirectory], None]

_logger = logging.getLogger("sitewire.publisher")


@dataclass(frozen=True, slots=True)
class Charge:
    """A directory to drain.

    Attributes:
        directory: the writer's.
        refusals: asked for what its log calls refused, by reason; None if the writer is another process's.
        on_progress: told what is published, per class, after each acknowledgement.
        again: somebody has drained it before; it is looked at once more, since the broker may have lost what it had.
    """

    directory: WriterDirectory
    refusals: Callable[[], Mapping[str, int]] | None = None
    on_progress: Progress = lambda _: None
    again: bool = False


class Collector:
    """Drains the writers of one spool.

    Args:
        link: an open connection.
        root: the spool.
        wanted: which of the directories that are found are ours to drain.
        tell: told what happens to each writer, once.

    Attributes:
        wanted: as given.
        drains: what is being drained, by directory.
        failures: why a directory was given up, by directory; it is tried again at the next scan.
        busy: directories that another publisher was found draining.
        scans: how often the spool was looked through.
        news: set when that has been done, and when a drain has ended; cleared by who waits for it.
    """

    def __init__(
        self,
        link: Link,
        root: Path,
        wanted: Callable[[WriterDirectory], bool],
        tell: Tell = lambda _news, _directory: None,
    ) -> None:
        self.wanted = wanted
        self.drains: dict[Path, Drain] = {}
        self.failures: dict[Path, str] = {}
        self.busy: set[Path] = set()
        self.scans = 0
        self.news = asyncio.Event()
        self._link = link
        self._root = root
        self._tell = tell
        self._told: dict[Path, News] = {}
        self._before = 0
        self._own: dict[Path, Charge] = {}
        self._tasks: dict[Path, asyncio.Task[None]] = {}
        self._again: set[Path] = set()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._places_again = asyncio.Semaphore(MOST_AGAIN)
        self._finished: dict[Path, int] = {}
        self._retry_at: dict[Path, float] = {}
        self._asked = False
        self._scanning = False
        self._called = asyncio.Event()

    @property
    def sending(self) -> bool:
        """Whether anything of anybody is being drained for the first time."""
        return bool(self._tasks.keys() - self._again)

    def look_now(self) -> int:
        """Have the spool looked through at once; that has been done when ``scans`` is above what is returned."""
        self._asked = True
        self._called.set()
        return self.scans + self._scanning

    @property
    def acknowledged(self) -> int:
        """Indexes that the broker has acknowledged since the beginning."""
        return self._before + sum(drain.acknowledged for drain in self.drains.values())

    def add(self, charge: Charge) -> None:
        """Drain a writer of this process; ``wanted`` is not asked, and a second call does nothing."""
        if charge.directory.path not in self._own:
            self._own[charge.directory.path] = charge
            self._called.set()

    def forget(self, path: Path) -> None:
        """Take a finished writer of this process for anybody's from now on."""
        self._own.pop(path, None)

    def finished(self, path: Path) -> bool:
        """Whether this directory was drained to its end, its final account included."""
        return path in self._finished and path not in self._tasks

    async def run(self) -> None:
        """Find and drain, until cancelled."""
        next_scan = 0.0
        async with asyncio.TaskGroup() as group:
            while True:
                for charge in self._own.values():
                    self._start(group, charge)
                if self._asked or time.monotonic() >= next_scan:
                    await self._scan(group)
                    next_scan = time.monotonic() + SCAN_INTERVAL
                with suppress(TimeoutError):
                    async with asyncio.timeout(next_scan - time.monotonic()):
                        await self._called.wait()
                self._called.clear()

    async def _scan(self, group: asyncio.TaskGroup) -> None:
        if self._asked:
            self._retry_at.clear()  # whoever asks goes by what is there now
        self._asked, self._scanning = False, True
        for charge in await asyncio.to_thread(self._find):
            self._start(group, charge)
        self._scanning = False
        self.scans += 1
        self.news.set()

    def _find(self) -> list[Charge]:
        """Return what is ours to drain, and remove what is past its time. Blocks."""
        found: list[Charge] = []
        there = discover(self._root, lambda error: self._fail(Path(error.filename or self._root), error))
        for path in self._finished.keys() - {directory.path for directory in there}:
            del self._finished[path]
            self._retry_at.pop(path, None)
            self._told.pop(path, None)
        for directory in there:
            try:
                if directory.path in self._tasks or not self.wanted(directory) or self._remove_expired(directory):
                    continue
            except SpoolBusy:
                continue  # another publisher looks at it once more, or removes it just now
            except (OSError, SubjectError, SpoolError) as error:
                self._fail(directory.path, error)
            else:
                found.append(Charge(directory, again=directory.path not in self._finished and directory.drained))
        return found

    def _remove_expired(self, directory: WriterDirectory) -> bool:
        # Only what was drained to its end here: who drained it before may have died before the last account.
        if directory.path not in self._finished or not directory.expired:
            return False
        with directory.lock_draining():
            directory.remove()
        return True

    def _start(self, group: asyncio.TaskGroup, charge: Charge) -> None:
        path = charge.directory.path
        # One drained before this connection is looked at once more: the broker may have lost what it had.
        drained = self._finished.get(path) == self._link.generation
        if path in self._tasks or drained or time.monotonic() < self._retry_at.get(path, 0):
            return
        self._retry_at[path] = time.monotonic() + SCAN_INTERVAL
        task = group.create_task(self._drain_in_turn(charge), name=f"drain {path.name}")
        self._tasks[path] = task
        if charge.again:
            self._again.add(path)
        task.add_done_callback(lambda _: self._ended(path))

    def _ended(self, path: Path) -> None:
        self._tasks.pop(path, None)
        self._again.discard(path)
        self.news.set()

    async def _drain_in_turn(self, charge: Charge) -> None:
        path, places = charge.directory.path, self._places_again if charge.again else self._places
        try:
            # A living writer's drain ends with the writer: in turn, it would keep others waiting for as long.
            living = await asyncio.to_thread(charge.directory.is_alive)
            async with nullcontext() if living else places:
                await self._drain(charge)
        except SpoolBusy:
            self.busy.add(path)  # another publisher's; tried again, for that one may die
        except (OSError, SubjectError, SpoolError) as error:
            self._fail(path, error)

    async def _drain(self, charge: Charge) -> None:
        directory = charge.directory
        stack = ExitStack()
        try:
            await asyncio.to_thread(stack.enter_context, directory.lock_draining())
            drain = await asyncio.to_thread(
                Drain, self._link, directory, refusals=charge.refusals, on_progress=charge.on_progress
            )
            self.busy.discard(directory.path)
            await self._run_drain(drain)
        finally:
            await asyncio.to_thread(stack.close)

    async def _run_drain(self, drain: Drain) -> None:
        path = drain.directory.path
        self.drains[path] = drain
        self._say(News.CAME, drain.directory)
        try:
            await drain.run()
            self._say(await asyncio.to_thread(_end_of, drain.directory), drain.directory)
            self._finished[path] = drain.generation  # a later one is a reason to look once more
            self.failures.pop(path, None)
        except* (BrokerError, OSError) as errors:
            self._fail(path, errors.exceptions[0])
        finally:
            self._before += drain.acknowledged
            del self.drains[path]
            await drain.close()

    def _say(self, news: News, directory: WriterDirectory) -> None:
        # What was drained is looked at once more when the broker returns: no news.
        if self._told.get(directory.path) in (None, News.CAME) and self._told.get(directory.path) is not news:
            self._told[directory.path] = news
            self._tell(news, directory)

    def _fail(self, path: Path, error: BaseException) -> None:
        if path not in self.failures:
            _logger.error("%s: %s", path, error)
        self.failures[path] = str(error)


def nobody_else_publishes(directory: WriterDirectory) -> bool:
    """Whether a writer is anybody's to drain: its process is gone, or leaves that to others."""
    return directory.identity.url is None or not directory.is_alive()


def _end_of(directory: WriterDirectory) -> News:
    return News.ENDED if directory.ended or directory.identity.forked else News.CRASHED
