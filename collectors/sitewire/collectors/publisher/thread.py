"""The publisher as a thread of the trainer: a loop of its own, a daemon, never waited for longer than was allowed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from sitewire.broker_config.connection import Endpoint
from sitewire.broker_config.urls import share_a_server
from sitewire.collectors.publisher.collector import Charge, Collector
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.publisher.loop import OwnThreadLoop
from sitewire.collectors.settings import Settings
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.record import RecordClass

UNREACHABLE_GRACE = 1.0  # seconds that stop() waits for a broker that does not answer at all

_logger = logging.getLogger("sitewire.publisher")
_forked_away: list[Publisher] = []
"""Publishers of a parent process, kept for ever: collecting one's loop in the child would touch the parent's epoll."""


class Publisher:
    """Sends what this process logs, and what dead trainers of the same site and broker left in the same spool.

    Thread-safe. None of its methods raises for a broker that is slow, wrong or gone.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.url is None:
            msg = "without a URL there is nobody to publish to"
            raise ValueError(msg)
        self._settings = settings
        self._endpoint = Endpoint(settings.url, settings.creds, settings.ca)
        self._attached: dict[Path, tuple[SpoolWriter, Callable[[], Mapping[str, int]]]] = {}
        self._progress = threading.Condition()
        self._stopping = False
        self._children = False
        self._looked: int | None = None
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        self._collector: Collector | None = None
        self._published: dict[Path, Mapping[RecordClass, int]] = {}

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="sitewire-publisher", daemon=True)
            self._thread.start()

    def attach(self, writer: SpoolWriter, refusals: Callable[[], Mapping[str, int]]) -> None:
        """Drain this process's own writer from now on.

        Args:
            writer: an open writer.
            refusals: asked for the counts of what log calls refused, by reason.
        """
        with self._progress:
            self._attached[writer.directory.path] = writer, refusals
        self._wake()

    def flush(self, timeout: float) -> bool:
        """Wait until the broker has everything that was appended before this call.

        Args:
            timeout: seconds.

        Returns:
            Whether it has.
        """
        self._wake()
        with self._progress:
            wanted = [(path, writer.assigned()) for path, (writer, _) in self._attached.items()]
            return self._progress.wait_for(lambda: all(self._reached(*goal) for goal in wanted), timeout)

    def stop(self, timeout: float, *, children: bool = False) -> bool:
        """Send what finished writers still have, then end the thread.

        Args:
            timeout: seconds at most; about one if the broker does not answer at all.
            children: send too what others have left in the spool: forked children leave it to their parent.

        Returns:
            Whether the broker has everything.
        """
        deadline = time.monotonic() + timeout
        self._stopping, self._children = True, children
        self._wake()
        grace = min(UNREACHABLE_GRACE, timeout)
        finished = self._done.wait(grace)
        if not finished and not (self._link is None or self._link.refused):
            finished = self._done.wait(max(deadline - time.monotonic(), 0))
        return finished and self.flush(0)

    def abandon(self) -> None:
        """In a forked child: forget the parent's thread, loop and connection without touching them."""
        _forked_away.append(self)

    def _reached(self, path: Path, wanted: Mapping[RecordClass, int]) -> bool:
        published = self._published.get(path, {})
        return path not in self._attached or all(published.get(name, 0) >= count for name, count in wanted.items())

    def _wake(self) -> None:
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._wake_drains)
        except RuntimeError:
            return  # the loop has ended meanwhile: nobody is left to wake

    def _wake_drains(self) -> None:
        if self._collector is not None:
            self._collector.news.set()
            for drain in self._collector.drains.values():
                drain.wake.set()
                if self._stopping:
                    drain.say_last_word()

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=OwnThreadLoop) as runner:
                runner.run(self._run())
        except Exception:  # the last line of defence: a fault of ours must not end in the trainer's excepthook
            _logger.exception("the publisher has failed; records wait in the spool")
        finally:
            self._done.set()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        link = self._link = Link(self._endpoint, f"sitewire {self._settings.site}")
        collector = self._collector = Collector(link, self._settings.spool, self._is_ours)
        async with link.open(), asyncio.TaskGroup() as group:
            running = group.create_task(collector.run(), name="drain the spool")
            self._see_to_writers(collector)
            while not self._over(collector):
                await collector.news.wait()
                collector.news.clear()
                self._see_to_writers(collector)
            running.cancel()

    def _see_to_writers(self, collector: Collector) -> None:
        for path, (writer, refusals) in list(self._attached.items()):
            if collector.finished(path):
                self._detach(collector, path)
            else:
                collector.add(Charge(writer.directory, refusals, partial(self._on_progress, path)))

    def _over(self, collector: Collector) -> bool:
        if not self._stopping or self._attached:
            return False
        if self._children and self._looked is None:
            self._looked = collector.look_now()
        return self._looked is None or (collector.scans > self._looked and not collector.sending)

    def _detach(self, collector: Collector, path: Path) -> None:
        """Forget a writer that has ended and whose last record the broker has."""
        collector.forget(path)
        with self._progress:
            del self._attached[path]
            self._published.pop(path, None)
            self._progress.notify_all()

    def _on_progress(self, path: Path, published: Mapping[RecordClass, int]) -> None:
        with self._progress:
            self._published[path] = dict(published)
            self._progress.notify_all()

    def _is_ours(self, directory: WriterDirectory) -> bool:
        identity = directory.identity
        return (
            directory.path not in self._attached
            and not directory.is_alive()
            and identity.site == self._settings.site
            and (identity.url is None or share_a_server(identity.url, self._endpoint.place))
        )
