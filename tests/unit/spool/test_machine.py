"""A writer, a reader and a model of both, in any order of steps."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgpack
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.reader import Item, Missing, SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from support.spooled import SCALARS, acknowledge, identity, read_all

CLASS_OF_RULE = {"scalar": SCALARS, "text": RecordClass.MEDIA, "tag": RecordClass.RUN}


class SpoolMachine(RuleBasedStateMachine):
    """``self.logged`` is the truth: per class, what each index is, a time stamp or ``None`` for a drop."""

    unacknowledged = Bundle("unacknowledged")

    @initialize(mapped=st.booleans())
    def begin(self, mapped: bool) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.writer = SpoolWriter(self.root / "spool", identity(), mapped=mapped)
        self.logged: dict[RecordClass, list[float | None]] = {name: [] for name in RecordClass}
        self.clock = 0.0
        self.reader = SpoolReader(self.writer.directory)
        self.seen = dict.fromkeys(RecordClass, 0)
        self.acknowledged = dict.fromkeys(RecordClass, 0)
        self.saved = dict.fromkeys(RecordClass, 0)
        self.finished = False

    def teardown(self) -> None:
        if hasattr(self, "root"):
            self.reader.close()
            self.writer.finish()
            shutil.rmtree(self.root)

    def log(self, record_class: RecordClass, accepted: bool) -> None:
        if not self.finished:
            self.logged[record_class].append(self.clock if accepted else None)
        self.clock += 1

    @rule(count=st.integers(1, 300))
    def scalars(self, count: int) -> None:
        for _ in range(count):
            assert self.writer.append_scalar("x" * 50, 1.0, self.clock, None) is not self.finished
            self.log(SCALARS, accepted=True)

    @rule(size=st.sampled_from([0, 10, 60_000, 200_000]), count=st.integers(1, 4))
    def texts(self, size: int, count: int) -> None:
        for _ in range(count):
            assert self.writer.append(Record(Kind.TEXT, "t", "x" * size, self.clock)) is not self.finished
            self.log(RecordClass.MEDIA, accepted=True)

    @rule()
    def tag(self) -> None:
        assert self.writer.append(Record(Kind.TAG, "t", "v", self.clock)) is not self.finished
        self.log(RecordClass.RUN, accepted=True)

    @rule(record_class=st.sampled_from([SCALARS, RecordClass.MEDIA]))
    def drop(self, record_class: RecordClass) -> None:
        kind = Kind.SCALAR if record_class is SCALARS else Kind.TEXT
        assert not self.writer.append(Record(kind, "\ud800", 1.0, self.clock))
        self.log(record_class, accepted=False)

    @precondition(lambda self: not self.finished)
    @rule()
    def finish(self) -> None:
        self.writer.finish()
        self.finished = True

    @rule(target=unacknowledged, limit=st.integers(1, 700))
    def read(self, limit: int) -> object:
        items = self.reader.read(limit)
        assert len(items) <= limit
        self.compare(items, self.seen)
        return multiple(items) if items else multiple()

    @rule(items=unacknowledged)
    def acknowledge(self, items: list[Item]) -> None:
        acknowledge(self.reader, items)
        for item in items:
            end = item.hole.end if isinstance(item, Missing) else item.index + 1
            self.acknowledged[item.record_class] = max(self.acknowledged[item.record_class], end)

    @rule()
    def save(self) -> None:
        self.reader.save()
        self.saved = dict(self.acknowledged)

    @rule()
    def open_again(self) -> None:
        self.reader.close()
        self.reader = SpoolReader(self.writer.directory)
        self.seen, self.acknowledged = dict(self.saved), dict(self.saved)

    @rule()
    def rewind(self) -> None:
        self.reader.rewind()
        self.seen = dict.fromkeys(RecordClass, 0)
        self.acknowledged = dict.fromkeys(RecordClass, 0)

    @rule()
    def power_of_a_kill(self) -> None:
        """What a reader would find if the writer were killed now."""
        copy = self.root / "killed"
        shutil.copytree(self.writer.directory.path, copy / self.writer.directory.path.name)
        reader = SpoolReader(WriterDirectory(copy / self.writer.directory.path.name))
        seen = dict(self.saved)
        self.compare(read_all(reader), seen)
        assert reader.at_end
        assert seen == {name: len(items) for name, items in self.logged.items()}
        reader.close()
        shutil.rmtree(copy)

    def compare(self, items: list[Item], seen: dict[RecordClass, int]) -> None:
        for item in items:
            truth, at = self.logged[item.record_class], seen[item.record_class]
            if isinstance(item, Missing):
                assert item.hole.name is HoleName.DROPPED
                assert item.hole.first == at
                assert truth[at : item.hole.end] == [None] * item.hole.count
                seen[item.record_class] = item.hole.end
            else:
                assert item.index == at
                assert msgpack.unpackb(item.packed)[3] == truth[at]
                seen[item.record_class] = at + 1

    @invariant()
    def the_end_is_the_end(self) -> None:
        if self.finished and self.reader.at_end:
            assert self.seen == {name: len(items) for name, items in self.logged.items()}
        assert self.writer.assigned() == {name: len(items) for name, items in self.logged.items() if items}


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
