"""Disks below a stand's folder that fill up, or turn read-only, under load, and are put right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.checker.tracker import Tracker
from support.disks import Disk, Ext4Disk, MemoryDisk, limited, need_root
from support.matrix.stand import Stand
from support.product import until

GOES_ON = 30  # further points of each run that the other trackers have to show meanwhile
MIB = 48  # of a disk


@dataclass
class Place:
    """A folder below the stand's, on a disk of its own.

    Attributes:
        folder: its name; empty for what is named by its route alone.
        who: for people, whose it is.
        says: what ``status`` has to say while nothing can be written there, beside the place; several will do.
        victim: the route that cannot go on meanwhile; empty if it concerns all.
        disk: it, while a row is played.
        status: what ``status`` said, the lines about the place.
    """

    folder: str
    who: str
    says: Sequence[str]
    victim: str = ""
    disk: Disk = field(init=False, repr=False)
    status: list[str] = field(default_factory=list)

    @contextmanager
    def in_memory(self, stand: Stand) -> Iterator[None]:
        """Have it in memory."""
        with self._on(MemoryDisk, stand):
            yield

    @contextmanager
    def on_ext4(self, stand: Stand) -> Iterator[None]:
        """Have it on a file system that can fail."""
        with self._on(Ext4Disk, stand):
            yield

    @contextmanager
    def _on(self, kind: Callable[..., Disk], stand: Stand) -> Iterator[None]:
        need_root()
        path = stand.folder / self.folder
        path.mkdir(exist_ok=True)
        self.disk = kind(path, MIB)
        self.disk.mount()
        try:
            yield
        finally:
            self.disk.unmount()

    def see(self, stand: Stand, keep: Callable[[], None] = lambda: None) -> None:
        """Wait until ``status`` names the place and why, and the other trackers have gone on meanwhile.

        Args:
            stand: under load.
            keep: called again and again: has it stay as it is.
        """
        others = [tracker for tracker in stand.plan.trackers if self.victim and tracker.route != self.victim]
        counts = _counting(stand, others)
        before = [count() for count in counts]
        until(lambda: self._named(stand, keep), lambda: f"status names no {self.folder}\n{_status(stand)}")
        until(
            lambda: all(count() >= at + GOES_ON for count, at in zip(counts, before, strict=True)),
            lambda: f"{[str(other) for other in others]} do not go on\n{stand.site.logs()}",
        )

    def _named(self, stand: Stand, keep: Callable[[], None]) -> bool:
        keep()
        lines = [line for line in _status(stand).splitlines() if any(words in line for words in self.says)]
        where = str(stand.folder / self.folder) if self.folder else self.victim
        self.status = [line for line in lines if where in line]
        return bool(self.status)


@dataclass(frozen=True)
class DiskFull:
    """There is no room, then there is again."""

    place: Place

    @property
    def name(self) -> str:
        """For people."""
        return f"the disk of {self.place.who} is full"

    def strike(self, stand: Stand) -> None:
        """Fill it, see what is said, and make room."""
        self.place.disk.fill()
        try:
            self.place.see(stand, self.place.disk.fill)
            self.place.disk.keep_full(stand.rng.uniform(0, 3))
        finally:
            self.place.disk.make_room()
        running = [*stand.workers, *stand.sidecars, *(program.process for program in stand.programs)]
        assert all(process.running for process in running), stand.site.logs()


@dataclass(frozen=True)
class NoGrowth:
    """No file of the worker grows: what anybody can do to a process, for those who cannot mount a disk."""

    place: Place

    @property
    def name(self) -> str:
        """For people."""
        return "the worker may let no file grow"

    def strike(self, stand: Stand) -> None:
        """Limit the files of one worker, see what is said, and lift the limit."""
        worker = stand.rng.choice(stand.workers)
        with limited(worker.pid):
            self.place.see(stand)
        assert worker.running, worker.output


@dataclass(frozen=True)
class ReadOnly:
    """The kernel has turned it read-only; whoever uses it is ended, it is mounted again, and they are started again.

    Attributes:
        ends: ends who has files there, and returns what starts them again.
    """

    place: Place
    ends: Callable[[Stand], Callable[[], object]]

    @property
    def name(self) -> str:
        """For people."""
        return f"the disk of {self.place.who} is read-only"

    def strike(self, stand: Stand) -> None:
        """Have it turn read-only, see what is said, and put it right."""
        assert isinstance(self.place.disk, Ext4Disk)
        self.place.disk.fail()
        self.place.see(stand)
        start_again = self.ends(stand)
        self.place.disk.unmount()
        self.place.disk.mount()
        start_again()


def worker_ends(stand: Stand) -> Callable[[], object]:
    """End all workers in order."""
    count = len(stand.workers)
    for worker in stand.workers:
        assert worker.stop() == 0, worker.output
    stand.workers.clear()
    return lambda: [stand.start_worker() for _ in range(count)]


def broker_ends(stand: Stand) -> Callable[[], object]:
    """End the broker in order."""
    stand.broker.stop()
    return stand.broker.start


def _counting(stand: Stand, trackers: Sequence[Tracker]) -> list[Callable[[], int]]:
    return [tracker.counted(stand.folder, run.key) for tracker in trackers for run in stand.runs]


def _status(stand: Stand) -> str:
    done = stand.site.run("status")
    return done.stdout + done.stderr
