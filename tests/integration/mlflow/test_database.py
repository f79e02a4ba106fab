"""An SQLite file that is written to without a server."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from sitewire.schemas.record import Kind
from sitewire.workers.sinks.testing import child
from support.mlflow.owners import KEY, Owners, deliveries, record
from support.mlflow.reader import Store

SINK = ("sitewire.workers.sinks.mlflow", "MlflowSink", json.dumps({"tracking_uri": "sqlite:///new/mlflow.db"}))
PROGRAM = (sys.executable, "-W", "ignore", "-m", child.__name__, *SINK)
HALF = 100_000  # bytes of a file that has some of its tables; whole it has 800,000


async def start(folder: Path) -> asyncio.subprocess.Process:
    """Start a process that opens the file, says so and waits."""
    return await asyncio.create_subprocess_exec(*PROGRAM, str(folder), "hold", stdout=PIPE, stderr=PIPE)


async def test_processes_that_open_a_new_file_at_once_make_its_tables_once_and_say_nothing(tmp_path: Path) -> None:
    processes = [await start(tmp_path) for _ in range(3)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
    finally:
        for process in processes:
            process.kill()
    assert [(await process.communicate())[1] for process in processes] == [b"", b"", b""]
    assert Store(f"sqlite:///{tmp_path}/new/mlflow.db", tmp_path).experiments() == {"Default": "active"}


async def test_what_a_kill_leaves_of_the_making_of_the_tables_is_in_nobodys_way(tmp_path: Path) -> None:
    killed = await start(tmp_path)
    while not any(size > HALF for size in _sizes(tmp_path / "new")):
        assert killed.returncode is None
        await asyncio.sleep(0)
    killed.kill()
    assert (await killed.communicate())[0] == b""
    successor = await start(tmp_path)
    try:
        assert successor.stdout is not None
        assert await successor.stdout.readline() == b"ready\n"
    finally:
        successor.kill()
        await successor.communicate()
    assert Store(f"sqlite:///{tmp_path}/new/mlflow.db", tmp_path).experiments() == {"Default": "active"}
    assert [*(tmp_path / "new").rglob("mlflow.db.new*")] == []


async def test_paths_begin_at_the_config_files_folder_and_a_successor_has_sqlite_know_its_tables(
    owners: Owners, tmp_path: Path
) -> None:
    runner = await owners.runner("sqlite:///mlflow.db")
    points = [record(Kind.SCALAR, "loss", float(n), at=n) for n in range(1500)]
    await runner.deliver(*deliveries(*points, record(Kind.TEXT, "said", "hello")))
    run = Store(f"sqlite:///{tmp_path}/mlflow.db", tmp_path).run(KEY.site, KEY.run)
    assert run.texts == {"said.txt": "hello"}
    assert run.artifact_folder.is_relative_to(tmp_path / "mlartifacts")
    assert not _known(tmp_path)
    await owners.sink("sqlite:///mlflow.db", timeout_seconds=29)
    assert _known(tmp_path)


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("mlflow.db*"):
        with suppress(FileNotFoundError):  # SQLite's journals come and go
            yield path.stat().st_size


def _known(folder: Path) -> bool:
    with closing(sqlite3.connect(folder / "mlflow.db")) as db:
        return db.execute("select 1 from sqlite_master where name = 'sqlite_stat1'").fetchone() is not None
