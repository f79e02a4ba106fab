"""Whether what is written to a run's files also arrives at W&B's service, and what it means if it does not.

The commit is the file's; the upload is the client's, in the background. It is watched for as long as the run is open:
the client's log says when it has given up, and when the log is silent, the service is asked what it has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sitewire.workers.errors import Temporary, os_errors_as_ours
from sitewire.workers.sinks.threads import in_thread
from sitewire.workers.sinks.wandb.service import Served
from sitewire.workers.sinks.wandb.upload_log import FILE, UploadLog

LOOK_EVERY: Final = 1.0  # seconds between two looks into the log
DOUBT: Final = 10.0
"""Seconds that rows may wait without a request that the service has taken, before it is asked; the client retries."""
ASK_EVERY: Final = 60.0  # seconds, as long as there is no doubt: the log is the client's own affair, and may lie
STALLED: Final = 30.0  # seconds that rows wait and the service, which answers, has got none
MOST_UNSENT: Final = 20_000
"""Rows that may wait in the client's memory. A run that has more is not written to until the service has caught up."""


class UploadStopped(Temporary):
    """The client sends nothing more of this run; opening it again is the repair, and sends what is missing first."""


class Upload:
    """The upload of one run, as long as it is open. Blocks where it says so; called by one thread at a time.

    Attributes:
        written: the number behind the last row that is in the file.
        served: the first row that the service had not got when it was last asked.
    """

    def __init__(
        self,
        ask: Callable[[], Served],
        log: UploadLog,
        served: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch an upload.

        Args:
            ask: asks the service; raises what ``service.ask`` does.
            log: of the open segment.
            served: the first row that the service has not got.
            clock: seconds.
        """
        self._ask = ask
        self._log = log
        self._clock = clock
        self.written = self.served = served
        self._waiting_since = self._heard = self._moved = self._asked = self._looked = clock()

    @property
    def unsent(self) -> int:
        """Rows of which it is not known that the service has them."""
        return max(0, self.written - self.served)

    @property
    def full(self) -> bool:
        """Whether nothing more may be written for now."""
        return self.unsent > MOST_UNSENT

    def wrote(self, written: int) -> None:
        """Note that the file holds the rows in front of a number."""
        if not self.unsent and written > self.written:
            self._waiting_since = self._clock()
        self.written = written

    def check(self) -> None:
        """Look at the log, and ask the service if there is reason to; blocks for as long as that takes.

        Raises:
            UploadStopped: nothing more of the run is sent.
            PlaceDown, ServiceRefused: as ``service.ask``, when rows wait.
            OSError: the log cannot be read.
        """
        now = self._clock()
        if now - self._looked >= LOOK_EVERY:
            self._look(now)
        if self.unsent and now - self._asked >= self._patience(now):
            self.inquire()

    def inquire(self) -> None:
        """Ask the service what it has.

        Raises:
            UploadStopped: it has got nothing for too long, though it answers.
            PlaceDown, ServiceRefused: as ``service.ask``.
        """
        served = self._ask().next_row
        now = self._asked = self._clock()
        if served > self.served:
            self.served, self._moved = served, now
        elif self.unsent and now - max(self._moved, self._waiting_since) > STALLED:
            msg = f"W&B answers, and has got no row for {STALLED:g} s while {self.unsent} wait"
            raise UploadStopped(msg)

    def _look(self, now: float) -> None:
        news = self._log.look()
        self._looked = now
        if news.fatal is not None:
            msg = f"the upload to W&B has stopped: {news.fatal}"
            raise UploadStopped(msg)
        if news.sent:
            self._heard = now

    def _patience(self, now: float) -> float:
        """Return the seconds between two questions."""
        if self.full:
            return LOOK_EVERY
        quiet = now - max(self._heard, self._waiting_since)
        return DOUBT if quiet >= DOUBT else ASK_EVERY


async def room(upload: Upload) -> None:
    """Return when more may be handed over: the upload goes on, and not too much waits in the client's memory.

    Raises:
        UploadStopped, PlaceDown, ServiceRefused: as ``Upload.check``.
        SinkUnavailable: the log cannot be read.
    """
    await _look(upload)
    while upload.full:
        await asyncio.sleep(LOOK_EVERY)
        await _look(upload)


async def arrival(upload: Upload) -> None:
    """Return when the service has all that was handed over; as long as it gets some, that may take long.

    Raises:
        UploadStopped, PlaceDown, ServiceRefused: as ``Upload.check``.
        SinkUnavailable: the log cannot be read.
    """
    while upload.unsent:
        await asyncio.sleep(LOOK_EVERY)
        await _look(upload)
        await in_thread(upload.inquire)


async def _look(upload: Upload) -> None:
    with os_errors_as_ours(FILE):
        await in_thread(upload.check)
