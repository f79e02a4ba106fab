"""Trainers as programs of their own, and what they left in the spool."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import SpoolReader, Stored
from sitewire.schemas.codec import decode_envelope, encode_envelope
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import RunKey, Subject


@dataclass(frozen=True)
class Ended:
    """How a trainer ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Written:
    """What one writer left."""

    directory: WriterDirectory
    records: list[Record]

    @property
    def scalars(self) -> list[Record]:
        return [record for record in self.records if record.kind is Kind.SCALAR]

    @property
    def status(self) -> str | None:
        """Its ``run_end``, or none."""
        return next((str(record.value) for record in self.records if record.kind is Kind.RUN_END), None)


def run_trainer(program: str, timeout: float = 30, **variables: str) -> Ended:
    """Run a program with these variables set; a trainer that hangs fails the test."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SITEWIRE_")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def writers(spool: Path) -> list[Written]:
    """Return what is in a spool, writer by writer."""
    return [Written(directory, _records(directory)) for directory in discover(spool)]


def scalars(spool: Path) -> list[tuple[str, object, int | None]]:
    """Return name, value and step of all scalars in a spool that one writer wrote to."""
    (written,) = writers(spool)
    return [(record.name, record.value, record.step) for record in written.scalars]


def records(spool: Path, *kinds: Kind) -> list[Record]:
    """Return what is in a spool of these kinds, of all if none is said, writer by writer."""
    found = [record for written in writers(spool) for record in written.records]
    return [record for record in found if not kinds or record.kind in kinds]


def _records(directory: WriterDirectory) -> list[Record]:
    reader = SpoolReader(directory)
    found: list[Record] = []
    try:
        while items := reader.read(1000):
            for item in items:
                if not isinstance(item, Stored):
                    continue  # a hole: who misses a record compares steps
                identity = directory.identity
                subject = Subject(RunKey(identity.site, identity.run), item.record_class, identity.writer)
                data = encode_envelope(identity.writer, item.record_class, item.index, [item.packed])
                found.extend(decode_envelope(data, subject).records)
    finally:
        reader.close()
    return found
