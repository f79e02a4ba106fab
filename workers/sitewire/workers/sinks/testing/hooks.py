"""What a sink's own test class says of it, and what the tests share."""
# ruff: noqa: S101  assert is how pytest checks

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import pytest

from sitewire.schemas.ending import Ending
from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.testing import child
from sitewire.workers.sinks.testing.claims import FOLDER, FileClaims
from sitewire.workers.sinks.testing.runner import KEY

Entry: TypeAlias = tuple[Hashable, Hashable]
"""A line, within which order counts, and one point of it."""


class SinkHooks:
    """What differs from sink to sink.

    Attributes:
        sink_type: the class under test.
        keeps: whether its place can be read back.
        locks: whether it keeps a second owner out of its partition; one that does not is idempotent, or keeps nothing.
        ends: whether it shows how a run stands.
        kills: how often the writing process is killed.
    """

    sink_type: type[Any]
    keeps: ClassVar[bool] = True
    locks: ClassVar[bool] = True
    ends: ClassVar[bool] = False
    kills: ClassVar[int] = 10

    pytestmark = pytest.mark.asyncio

    def options(self, place: Path) -> Mapping[str, Any]:
        """Return the sink's keys for a place, as the config file has them; JSON only."""
        raise NotImplementedError

    def read_back(self, place: Path, key: RunKey) -> Iterable[Entry]:
        """Return all that the place holds of a run, read with the tracker's own reader."""
        raise NotImplementedError

    def expected(self, records: Sequence[Record]) -> Iterable[Entry]:
        """Return what the place should hold of records that were delivered to one run in this order."""
        raise NotImplementedError

    def read_ending(self, place: Path, key: RunKey) -> Ending:
        """Return how the tracker shows that a run stands; of a sink that ``ends``."""
        raise NotImplementedError

    def make_sink(self, place: Path) -> Sink:
        """Make a sink of the place, as the config file would, with claims that its other owners share."""
        sink: Sink = self.sink_type.from_options(self.sink_type.Options.model_validate(self.options(place)), place)
        sink.attach(FileClaims(place / FOLDER))
        return sink

    async def holds_exactly(self, place: Path, records: Sequence[Record], key: RunKey = KEY) -> None:
        """Check that the place holds these records, each once, in order per line."""
        if self.keeps:
            found = await asyncio.to_thread(lambda: _by_line(self.read_back(place, key)))
            assert found == _by_line(self.expected(records))

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """A folder of the test's own; the sink makes it."""
        return tmp_path / "place"

    @pytest.fixture(autouse=True)
    def children(self) -> Iterator[list[Process]]:
        """Processes that end with the test, however that ends: one that writes would go on for ever."""
        self._children: list[Process] = []
        yield self._children
        for process in self._children:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)

    async def start_child(self, place: Path, task: str, *, ready: bool = True) -> Process:
        """Start a process that writes to the place, or holds its partition; return once it does."""
        of = self.sink_type
        arguments = [of.__module__, of.__qualname__, json.dumps(dict(self.options(place))), str(place), task]
        errors = None if ready else asyncio.subprocess.DEVNULL
        program = (sys.executable, "-m", child.__name__)
        process = await asyncio.create_subprocess_exec(*program, *arguments, stdout=PIPE, stderr=errors)
        self._children.append(process)
        assert process.stdout is not None
        said = await process.stdout.readline()
        assert said == (b"ready\n" if ready else b"")
        return process


def _by_line(entries: Iterable[Entry]) -> dict[Hashable, list[Hashable]]:
    lines: dict[Hashable, list[Hashable]] = {}
    for line, point in entries:
        lines.setdefault(line, []).append(point)
    return lines
