"""A disk that fills up, empties again, or cannot be written at all. Needs root, for a file system of its own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.collectors.errors import SpoolUnavailable
from sitewire.collectors.spool.directory import discover
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.schemas.hole import HoleName
from support.spooled import SCALARS, MakeWriter, acknowledge, ends, holes, read_all, steps

both = pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", "size=4m", "tmpfs", str(path)):
        pytest.skip("mounting a small tmpfs needs root")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@both
def test_a_full_disk_drops_with_exact_holes_and_recovers_when_there_is_room(
    make_writer: MakeWriter, disk: Path, mapped: bool
) -> None:
    writer = make_writer(root=disk, mapped=mapped)
    step = 0
    while writer.append_scalar("x" * 900, 1.0, 1.0, step):
        step += 1
    begun = time.monotonic()
    full = step
    for step in range(full + 1, full + 1000):
        assert not writer.append_scalar("x" * 900, 1.0, 1.0, step)
    assert time.monotonic() - begun < 1
    reader = SpoolReader(writer.directory)
    items = read_all(reader)
    assert steps(items) == list(range(full))
    assert holes(items) == [(HoleName.DROPPED, full, 1000)]
    acknowledge(reader, items)
    reader.save()  # in place: a full disk cannot refuse it
    assert SpoolReader(writer.directory).published == {SCALARS: full + 1000}

    assert mount("-o", "remount,size=32m", str(disk))
    step = full + 1000
    deadline = time.monotonic() + 10
    while not writer.append_scalar("x" * 900, 1.0, 1.0, step):
        step += 1
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert all(writer.append_scalar("x" * 900, 1.0, 1.0, more) for more in range(step + 1, step + 5000))
    writer.finish()
    items += read_all(reader)
    assert ends(items) == {SCALARS: step + 5000}
    assert steps(items) == [*range(full), *range(step, step + 5000)]
    assert {hole.name for hole in holes(items)} == {HoleName.DROPPED}


@both
def test_a_writer_that_finishes_on_a_full_disk_ends_and_says_what_it_dropped(
    make_writer: MakeWriter, disk: Path, mapped: bool
) -> None:
    writer = make_writer(root=disk, mapped=mapped)
    accepted = sum([writer.append_scalar("x" * 900, 1.0, 1.0, step) for step in range(6000)])
    writer.finish()
    assert 500 < accepted < 6000
    reader = SpoolReader(writer.directory)
    assert ends(read_all(reader)) == {SCALARS: 6000}
    assert reader.at_end


def test_a_writer_on_a_full_disk_is_refused_with_what_to_do(make_writer: MakeWriter, disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (disk / "ballast").write_bytes(bytes(5 << 20))
    with pytest.raises(SpoolUnavailable, match=r"No space left.*SITEWIRE_SPOOL"):
        make_writer(root=disk)
    assert discover(disk) == []


def test_a_read_only_disk_is_refused_with_what_to_do(make_writer: MakeWriter, disk: Path) -> None:
    assert mount("-o", "remount,ro", str(disk))
    with pytest.raises(SpoolUnavailable, match=r"Read-only file system.*SITEWIRE_SPOOL"):
        make_writer(root=disk)


@both
def test_a_file_size_limit_is_a_full_disk(make_writer: MakeWriter, mapped: bool) -> None:
    import resource

    writer = make_writer(mapped=mapped)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so that the system call fails instead.
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, limit[1]))
    try:
        accepted = [writer.append_scalar("x" * 900, 1.0, 1.0, step) for step in range(4000)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    writer.finish()
    assert not accepted[-1]
    items = read_all(SpoolReader(writer.directory))
    assert ends(items) == {SCALARS: 4000}
    assert steps(items) == [step for step, stored in enumerate(accepted) if stored]
    assert {hole.name for hole in holes(items)} == {HoleName.DROPPED}
