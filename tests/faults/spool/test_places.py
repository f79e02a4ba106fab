"""A spool's directory that cannot be written or read, vanishes, or is replaced, under a writer that goes on."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sitewire.collectors import Run, lifecycle
from sitewire.collectors.publisher.sync import waiting
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.deploy.cli import sync as command
from sitewire.schemas.record import Kind, Record
from support.spooled import SCALARS, MakeWriter, ends, read_all, steps
from support.trouble.child import SURVIVED, play
from support.trouble.examine import check_usable, examine
from support.trouble.scenes import LIMIT
from support.trouble.tape import Tape
from support.trouble.truth import Logger, Truth

NOBODY = 65534

both = pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can reach: pytest's own are its user's alone."""
    folder = Path("/tmp") / f"sitewire-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


def as_nobody(work: Callable[[], None]) -> None:
    """Do something in a process to which the rights of files apply."""

    def unprivileged() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        work()

    assert play(unprivileged) == SURVIVED


def log_through_segments(logger: Logger, count: int) -> None:
    for _ in range(count):
        logger.log(SCALARS, 900)


@both
@pytest.mark.parametrize("rights", [0o000, 0o555, 0o600], ids=["none", "reading", "no entering"])
def test_a_directory_that_becomes_unwritable_and_writable_again_costs_counted_records_at_most(
    open_folder: Path, make_writer: MakeWriter, rights: int, mapped: bool
) -> None:
    tape = Tape()

    def work() -> None:
        writer = make_writer(root=open_folder / "spool", limit_bytes=LIMIT, mapped=mapped, policy="drop_newest")
        logger = Logger(writer, tape)
        log_through_segments(logger, 100)
        writer.directory.path.chmod(rights)
        log_through_segments(logger, 1500)  # more than the segments that are there can hold
        writer.directory.path.chmod(0o755)
        deadline = time.monotonic() + 10
        while not logger.log(SCALARS):
            assert time.monotonic() < deadline, "it has not recovered"
            time.sleep(0.01)
        logger.finish()

    as_nobody(work)
    truth = Truth.of(tape)
    assert 0 < truth.stored < len(truth.calls[SCALARS])
    examine(open_folder / "spool", truth, dropping=False)


@pytest.mark.parametrize("rights", [0o000, 0o555], ids=["none", "reading"])
def test_a_writer_that_may_not_write_when_it_ends_ends_all_the_same(
    open_folder: Path, make_writer: MakeWriter, rights: int
) -> None:
    tape = Tape()

    def work() -> None:
        logger = Logger(make_writer(root=open_folder / "spool"), tape)
        log_through_segments(logger, 100)
        logger.writer.directory.path.chmod(rights)
        log_through_segments(logger, 100)
        logger.finish()
        logger.writer.directory.path.chmod(0o755)
        assert not logger.writer.directory.is_alive()

    as_nobody(work)
    examine(open_folder / "spool", Truth.of(tape), dropping=False)


def delete(path: Path) -> None:
    """Delete a directory, in one step for who writes there: what makes files in it would keep it from being empty."""
    shutil.rmtree(path.rename(path.with_name("elsewhere")))


def replace_by_a_file(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.touch()


@both
@pytest.mark.parametrize("vanish", [delete, replace_by_a_file], ids=["deleted", "a file now"])
def test_a_directory_that_vanishes_under_a_writer_is_told_at_once_and_ends_nobody(
    make_writer: MakeWriter, caplog: pytest.LogCaptureFixture, vanish: Callable[[Path], None], mapped: bool
) -> None:
    writer = make_writer(limit_bytes=LIMIT, mapped=mapped)
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    reader = SpoolReader(writer.directory)
    with caplog.at_level(logging.WARNING):
        vanish(writer.directory.path)
        deadline = time.monotonic() + 10
        while "records may be dropped" not in caplog.text:
            assert time.monotonic() < deadline, "nobody was told"
            time.sleep(0.01)
    for step in range(3000):
        writer.append_scalar("x" * 900, 1.0, 1.7e9, step)
    read_all(reader)
    reader.save()
    reader.close()
    writer.finish()
    root = writer.directory.path.parents[2]
    shutil.rmtree(root)
    check_usable(root)


def test_a_directory_that_is_moved_and_brought_back_costs_nothing(make_writer: MakeWriter, tmp_path: Path) -> None:
    writer = make_writer()
    assert all(writer.append_scalar("loss", 1.0, 1.7e9, step) for step in range(10))
    path = writer.directory.path
    path.rename(tmp_path / "aside")
    assert all(writer.append_scalar("loss", 1.0, 1.7e9, step) for step in range(10, 20))
    (tmp_path / "aside").rename(path)
    assert all(writer.append_scalar("loss", 1.0, 1.7e9, step) for step in range(20, 30))
    writer.finish()
    items = read_all(SpoolReader(writer.directory))
    assert steps(items) == list(range(30))
    assert ends(items) == {SCALARS: 30}


def test_a_folder_that_cannot_be_read_is_said_and_never_taken_for_an_empty_one(
    make_writer: MakeWriter, open_folder: Path
) -> None:
    def work() -> None:
        writer = make_writer(root=open_folder / "spool")
        assert writer.append(Record(Kind.TEXT, "t", "", 1.0))
        run = writer.directory.path.parent
        run.chmod(0)
        left = waiting(open_folder / "spool")
        assert (left.records, len(left.unreadable)) == (0, 1)
        assert str(run) in left.unreadable[0]
        options = argparse.Namespace(
            spool=open_folder / "spool", url="nats://127.0.0.1:9", creds=None, ca=None, timeout=0
        )
        options.parser = argparse.ArgumentParser()
        assert command.run(options) == 1
        run.chmod(0o755)

    as_nobody(work)


def test_a_run_whose_spool_may_not_be_entered_any_more_ends_in_order(open_folder: Path) -> None:
    def work() -> None:
        run = Run("job", site="clinic", spool=open_folder / "spool")
        for step in range(10):
            run.log_scalar("loss", 1.0, step)
        (open_folder / "spool").chmod(0)
        lifecycle.at_exit()

    as_nobody(work)
    (open_folder / "spool").chmod(0o755)
