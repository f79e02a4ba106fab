"""What is said of the disk of the broker's store, on a small one. Needs root, to mount it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.deploy.broker.disk import disk_trouble, takes_writes
from support.disks import Ext4Disk, mounted, need_root


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Ext4Disk]:
    need_root()
    (tmp_path / "store").mkdir()
    made = Ext4Disk(tmp_path / "store", 16)
    with mounted(made):
        yield made


def said(disk: Ext4Disk) -> tuple[str, bool]:
    """Return what is said beside the place, and whether it takes writes."""
    return disk_trouble(disk.path).partition(str(disk.path))[2], takes_writes(disk.path)


def test_a_full_one_says_so_until_there_is_room(disk: Ext4Disk) -> None:
    assert said(disk) == ("", True)
    disk.fill()
    assert said(disk) == (" is full; publishers wait until there is room", False)
    disk.make_room()
    assert said(disk) == ("", True)
    assert [*disk.path.iterdir()] == []


def test_one_that_the_kernel_protects_says_so_until_it_is_mounted_again(disk: Ext4Disk) -> None:
    disk.fail()
    assert said(disk) == (" takes nothing: Read-only file system; publishers wait", False)
    disk.unmount()
    disk.mount()
    assert said(disk) == ("", True)


def test_a_store_that_is_elsewhere_is_no_trouble(tmp_path: Path) -> None:
    assert disk_trouble(tmp_path / "elsewhere") == ""
