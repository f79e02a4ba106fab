"""TensorBoard's own readers over a log directory: at rest, and live while things die."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

from tensorboard import context
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.data.provider import RunTagFilter
from tensorboard.data.server_ingester import SubprocessServerDataIngester, get_server_binary
from tensorboard.util.grpc_util import ChannelCredsType

from sitewire.schemas.subject import RunKey
from support.beside import beside
from support.points import Point

ALL = {"scalars": 0, "tensors": 0, "images": 0, "histograms": 0, "audio": 0, "compressedHistograms": 0}
"""Size guidance: keep everything."""

Found: TypeAlias = Mapping[str, Sequence[Point]]

RELOAD_INTERVAL = 0.05  # seconds between two looks of a live reader


def folder_of(logdir: Path, site: str, run: str) -> Path:
    """Return where TensorBoard shows a run of a site."""
    site_token, run_token = RunKey(site, run).tokens
    return logdir / run_token / site_token


def read_points(folder: Path) -> Found:
    """Return every scalar of a run by name, in the order of TensorBoard's reader; nothing sampled, nothing purged."""
    return _scalars(accumulator_of(folder).Reload()) if folder.exists() else {}


def read_in_file_order(folder: Path) -> list[tuple[str, Point]]:
    """Return every scalar of a run in the order in which it was written, over all names and files."""
    found: list[tuple[str, Point]] = []
    for path in sorted(folder.glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            found += [
                (value.tag, Point(event.step, value.simple_value, event.wall_time))
                for value in event.summary.value
                if value.HasField("simple_value")
            ]
    return found


def read_texts(folder: Path) -> Iterator[tuple[str, int, float, str]]:
    """Yield tag, step, time and text of every text in a run's folder."""
    accumulator = accumulator_of(folder).Reload()
    for tag in accumulator.Tags()["tensors"]:
        if accumulator.SummaryMetadata(tag).plugin_data.plugin_name == "text":
            for event in accumulator.Tensors(tag):
                yield tag, event.step, event.wall_time, event.tensor_proto.string_val[0].decode()


def accumulator_of(folder: Path) -> Any:
    """Return TensorBoard's reader of a folder, which samples and purges nothing; ``Reload`` reads on."""
    return EventAccumulator(str(folder), size_guidance=ALL, purge_orphaned_data=False)


def _scalars(accumulator: Any) -> dict[str, list[Point]]:
    return {
        tag: [Point(event.step, event.value, event.wall_time) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


class LiveReader:
    """Reads again and again what a run's folder shows, and keeps what a person watching would complain about.

    Attributes:
        reads: looks that showed something.
        complaints: a point that came twice, went back, or vanished.
        last: what the last look showed.
    """

    def __init__(self, read: Callable[[], Found], interval: float = RELOAD_INTERVAL) -> None:
        self.reads = 0
        self.complaints: list[str] = []
        self.last: Found = {}
        self._read = read
        self._interval = interval
        self._stop = threading.Event()

    @property
    def points(self) -> int:
        """How many it shows now."""
        return sum(map(len, self.last.values()))

    def watch(self) -> None:
        """Look until told to stop, and once more."""
        while not self._stop.wait(self._interval):
            self._look()
        self._look()

    def stop(self) -> None:
        self._stop.set()

    def _look(self) -> None:
        seen = self._read()
        for name, before in self.last.items():
            if list(seen.get(name, ())[: len(before)]) != list(before):
                self.complaints.append(f"{name}: what was shown has changed; {len(before)} points were")
        for name, points in seen.items():
            fresh = points[max(len(self.last.get(name, ())) - 1, 0) :]
            if any(later.step <= earlier.step for earlier, later in pairwise(fresh)):
                self.complaints.append(f"{name}: a step came twice or went back")
        self.reads += bool(seen)
        self.last = seen


@contextmanager
def watching(folder: Path, interval: float = RELOAD_INTERVAL) -> Iterator[LiveReader]:
    """Watch a run's folder as TensorBoard does, from before it exists, in a thread; ``interval`` seconds a look."""
    with watching_with(looking_at(folder), interval) as reader:
        yield reader


def looking_at(folder: Path) -> Callable[[], Found]:
    """Return what looks at a run's folder again and again as TensorBoard does, from before it exists."""
    state: list[Any] = []

    def read() -> Found:
        if not state:
            if not folder.exists():
                return {}
            state.append(accumulator_of(folder))
        return _scalars(state[0].Reload())

    return read


def counting_points(folder: Path) -> Callable[[], int]:
    """Return what counts the scalars of a run's folder as TensorBoard finds them, reading on from where it was."""
    state: list[Any] = []

    def count() -> int:
        if not state:
            if not folder.exists():
                return 0
            state.append(accumulator_of(folder))
        reader = state[0].Reload()
        return sum(len(reader.Scalars(tag)) for tag in reader.Tags()["scalars"])

    return count


@contextmanager
def data_server(logdir: Path) -> Iterator[Any]:
    """Start TensorBoard's data server, which its page uses by default, on a log directory; give what asks it."""
    ingester = SubprocessServerDataIngester(
        server_binary=get_server_binary(),
        logdir=str(logdir),
        reload_interval=1,
        channel_creds_type=ChannelCredsType.LOCAL,
        samples_per_plugin={"scalars": 10**9},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # TensorBoard forgets the process that it has started
        ingester.start()
    try:
        yield ingester.data_provider
    finally:
        assert ingester._stdin_handle is not None
        ingester._stdin_handle.close()  # which the server dies after


@contextmanager
def watching_served(provider: Any, run: str, interval: float = RELOAD_INTERVAL) -> Iterator[LiveReader]:
    """Watch a run through a data server.

    Args:
        provider: what asks it.
        run: the run's folder, relative to the log directory.
        interval: seconds between two looks.
    """
    request = context.RequestContext()

    def read() -> Found:
        runs = provider.read_scalars(
            request,
            experiment_id="",
            plugin_name="scalars",
            downsample=10**9,
            run_tag_filter=RunTagFilter(runs=[run]),
        )
        return {
            tag: [Point(datum.step, datum.value, datum.wall_time) for datum in data]
            for tag, data in runs.get(run, {}).items()
        }

    with watching_with(read, interval) as reader:
        yield reader


@contextmanager
def watching_with(read: Callable[[], Found], interval: float) -> Iterator[LiveReader]:
    """Look again and again in a thread; ``interval`` seconds between two looks."""
    reader = LiveReader(read, interval)
    with beside(reader.watch, reader.stop, "live reader"):
        yield reader
