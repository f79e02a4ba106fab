"""A writer and a reader, in processes that may be killed at any moment, against a model of what must be found."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from sitewire.collectors.spool import segment
from sitewire.collectors.spool.policy import Policy
from sitewire.collectors.spool.reader import Item
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass
from support.trouble.campaign import FULL, MEMORY, SEED
from support.trouble.examine import examine
from support.trouble.hosts import ReaderHost, WriterHost, spool_of
from support.trouble.remote import Remote
from support.trouble.scenes import LIMIT
from support.trouble.tape import Tape
from support.trouble.truth import UNPACKABLE, Truth

EXAMPLES = 150 if FULL else 4
FORKS = 2  # children that a writer's process may have

sizes = st.sampled_from([UNPACKABLE, 0, 30, 900, 60_000, 250_000])


@seed(SEED)
class SpoolModel(RuleBasedStateMachine):
    """What each process was told stands on a tape; ``Truth`` makes of them what a reader must find."""

    @initialize(mapped=st.booleans(), policy=st.sampled_from(["drop_oldest", "drop_newest", "block"]))
    def begin(self, mapped: bool, policy: Policy) -> None:
        note(f"SITEWIRE_TEST_SEED={SEED}")
        self.policy: Policy = policy
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY, prefix="sitewire-"))
        self.mapped = mapped
        self.open_writer()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            if self.writer.pid:  # otherwise it has been examined, and was found wanting
                self.close_writer()
            shutil.rmtree(self.folder)

    def open_writer(self) -> None:
        self.root = Path(tempfile.mkdtemp(dir=self.folder))
        self.logged, self.drained = Tape(), Tape()
        self.children = [Tape() for _ in range(FORKS)]
        self.forks, self.finished = 0, False
        self.writer = Remote(lambda: WriterHost(self.root, self.mapped, self.policy, self.logged, self.children))
        self.path = Path(self.writer.call("path"))
        self.open_reader()

    def open_reader(self) -> None:
        self.reader = Remote(lambda: ReaderHost(self.path, self.drained))
        self.seen = dict(zip(CLASSES, self.reader.call("published"), strict=True))
        truth = self.truth()
        assert all(truth.saved[name] <= self.seen[name] <= truth.released[name] for name in CLASSES)

    def close_writer(self) -> None:
        """Kill both, then find exactly what they left; the children's too."""
        self.reader.kill()
        self.writer.kill()
        for number, tape in enumerate(self.children[: self.forks]):
            examine(spool_of(self.root, number), Truth.of(tape), dropping=False)
        examine(self.root, self.truth(), dropping=self.policy == "drop_oldest")

    def truth(self) -> Truth:
        truth = Truth.of(self.logged)
        for entry in self.drained:
            truth.hear(entry)
        return truth

    def compare(self, items: list[Item]) -> None:
        held = segment.numbers(self.path)
        self.seen = self.truth().check(items, self.seen, held=held, dropping=self.policy == "drop_oldest")

    @precondition(lambda self: not self.finished)
    @rule(name=st.sampled_from(CLASSES), size=sizes, count=st.integers(1, 6))
    def log(self, name: RecordClass, size: int, count: int) -> None:
        stored = self.writer.call("log", name, size, count)
        refused = size == UNPACKABLE or (size > 256 * 1024 - 100)
        if refused:
            assert not any(stored)
        elif not all(stored):
            assert self.policy != "drop_oldest"
            held = sum(segment.path_of(self.path, number).stat().st_size for number in segment.numbers(self.path))
            assert held + segment.LEAST_BYTES > LIMIT, "refused, though there is room"

    @precondition(lambda self: not self.finished)
    @rule(size=sizes, count=st.integers(5, 30), limit=st.integers(1, 50))
    def log_while_reading(self, size: int, count: int, limit: int) -> None:
        self.writer.tell("log", RecordClass.MEDIA, size, count)
        for _ in range(5):
            self.compare(self.reader.call("read", limit))
        self.writer.answer()

    @rule(limit=st.integers(1, 300))
    def read(self, limit: int) -> None:
        self.compare(self.reader.call("read", limit))

    @rule(part=st.sampled_from([0.0, 0.3, 1.0]))
    def acknowledge(self, part: float) -> None:
        self.reader.call("acknowledge", part)

    @rule()
    def save(self) -> None:
        self.reader.call("save")

    @rule()
    def rewind(self) -> None:
        self.seen = dict(zip(CLASSES, self.reader.call("rewind"), strict=True))

    @precondition(lambda self: not self.finished)
    @rule()
    def finish(self) -> None:
        self.writer.call("finish")
        self.finished = True

    @precondition(lambda self: not self.finished and self.forks < FORKS)
    @rule(count=st.integers(0, 200))
    def fork(self, count: int) -> None:
        self.forks += 1
        assert self.writer.call("fork", count) == 0

    @rule()
    def kill_the_reader(self) -> None:
        self.reader.kill()
        self.open_reader()

    @rule(wait=st.sampled_from([0.0, 0.002, 0.01]))
    def kill_the_reader_while_it_reads_and_saves(self, wait: float) -> None:
        for method, argument in (("read", (200,)), ("acknowledge", (0.7,)), ("save", ())) * 3:
            self.reader.tell(method, *argument)
        time.sleep(wait)  # a moment to die at, not a condition
        self.reader.kill()
        self.open_reader()

    @rule()
    def kill_the_writer(self) -> None:
        self.close_writer()
        self.open_writer()

    @precondition(lambda self: not self.finished)
    @rule(size=sizes, wait=st.sampled_from([0.0, 0.001, 0.005]))
    def kill_the_writer_while_it_logs(self, size: int, wait: float) -> None:
        self.writer.tell("log", RecordClass.MEDIA, size, 40)
        time.sleep(wait)  # a moment to die at, not a condition
        self.close_writer()
        self.open_writer()


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25 if FULL else 15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
TestSpoolModel = pytest.mark.timeout(3600 if FULL else 120)(TestSpoolModel)
