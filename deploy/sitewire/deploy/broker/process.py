"""One life of a nats-server process: start, log lines, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

log = logging.getLogger("sitewire.deploy.broker")

STOP_SECONDS: Final = 10.0
"""After SIGTERM; then SIGKILL, which loses nothing that was acknowledged."""

LAST_LINES: Final = 20

MEMORY: Final = {"GOMEMLIMIT": "256MiB"}
"""What the server tries to stay below; who sets it in the environment decides. Go lets garbage grow to as much as is in
use, and gives little back: 750 MiB after ten million records were read. With 96 MiB it was as fast (measured)."""

WRITE_FAILED: Final = "critical write error"
_OF_A_CLIENT: Final = " - cid:"
"""What the server says when its disk has refused a write. It never writes to that stream again, room or not."""

_LAUNCH: Final = Path(__file__).with_name("launch.py")
_LINE: Final = re.compile(r"^\[\d+\](?: [\d/]+ [\d:.]+)? \[(?P<level>[A-Z]{3})\] (?P<text>.*)$")
_LEVELS: Final = {
    "FTL": logging.CRITICAL,
    "ERR": logging.ERROR,
    "WRN": logging.WARNING,
    "INF": logging.INFO,
}


class ServerProcess:
    """A running nats-server; its log lines go to the logger ``sitewire.deploy.broker``.

    Attributes:
        write_failed: set once the disk has refused it a write: it has to be started again then.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.write_failed = asyncio.Event()
        self._began = time.monotonic()
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._reader = asyncio.create_task(self._read_log(), name="nats-server log")

    @classmethod
    async def start(cls, program: Sequence[str], inherited: int) -> ServerProcess:
        """Start a server that ends with this process and keeps a descriptor open.

        A session of its own: Ctrl-C in a terminal must not end the broker before those who still write to it.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid())),
            *program,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=(inherited,),
            env={**MEMORY, **os.environ},
            start_new_session=True,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def seconds(self) -> float:
        """Time since its start."""
        return time.monotonic() - self._began

    @property
    def last_lines(self) -> str:
        """The end of its log."""
        return "\n".join(self._lines)

    async def wait(self) -> int:
        """Wait for its end and for its last log line; return its exit status."""
        status = await self._process.wait()
        await asyncio.wait([self._reader], timeout=1)
        return status

    async def stop(self) -> None:
        """End it: SIGTERM, and SIGKILL when that takes too long. Can be called twice."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            log.warning("nats-server (pid %d) does not end on SIGTERM; killing it", self.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._reader.cancel()

    async def _read_log(self) -> None:
        stream = self._process.stderr
        while stream is not None and (line := await _next_line(stream)):
            text = line.decode(errors="replace").rstrip()
            match = _LINE.match(text)
            self._lines.append(match["text"] if match else text)
            # A line about a client holds the name that the client has chosen.
            if WRITE_FAILED in text and _OF_A_CLIENT not in text:
                self.write_failed.set()
            log.log(_LEVELS.get(match["level"], logging.DEBUG) if match else logging.INFO, "%s", self._lines[-1])


async def _next_line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        return b"(a line too long to show)"  # asyncio has dropped it
