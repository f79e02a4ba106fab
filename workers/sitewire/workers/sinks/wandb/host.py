"""The host: a process that holds the W&B client, so that its faults are nobody else's.

``python -m sitewire.workers.sinks.wandb.host DESCRIPTOR``. Standard input is the core lock (``core_lock``); the
descriptor is a socket to the worker. It ends when the worker closes that, or dies, and with ``wandb-core``. Each run
has a thread: one that hangs stops no other.
"""

from __future__ import annotations

import os
import queue
import resource
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

import msgpack

from sitewire.workers.sinks.wandb.client import ClientRun
from sitewire.workers.sinks.wandb.protocol import MAX_MESSAGE_BYTES, MAX_WAITING, Operation


class Answers:
    """Sends answers, from any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, number: int, error: str | None, value: Any) -> None:  # noqa: ANN401  what an operation returns
        """Send one answer; a worker that is gone needs none."""
        data = msgpack.packb([number, error, value])
        try:
            with self._lock:
                self._connection.sendall(data)
        except OSError:
            os._exit(0)  # nobody is there any more; a tidy end of the client could take minutes


class RunThread:
    """Works on the requests of one run, in their order, until it is finished or left."""

    def __init__(self, begin: Mapping[str, Any], answers: Answers) -> None:
        self._begin = begin
        self._answers = answers
        self._waiting: queue.Queue[tuple[int, str, Any]] = queue.Queue(MAX_WAITING)
        self._run: ClientRun | None = None
        threading.Thread(target=self._work, daemon=True).start()

    def put(self, number: int, operation: str, said: Any) -> None:  # noqa: ANN401  an operation's arguments
        """Take a request.

        Raises:
            queue.Full: too many wait.
        """
        self._waiting.put_nowait((number, operation, said))

    def _work(self) -> None:
        operation = ""
        while operation not in (Operation.FINISH, Operation.LEAVE):
            number, operation, said = self._waiting.get()
            try:
                value = self._do(operation, said)
            except BaseException as error:  # noqa: BLE001  the client raises anything, and whatever it was, the worker has to know
                self._answers.send(number, type(error).__name__, str(error)[:2000])
            else:
                self._answers.send(number, None, value)

    def _do(self, operation: str, said: Any) -> object:  # noqa: ANN401  an operation's arguments
        if operation == Operation.OPEN:
            self._run = ClientRun.open(self._begin, said)
            _end_with_core(self._run)
            return self._run.file
        if self._run is None:
            msg = "the run is not open"
            raise RuntimeError(msg)
        if operation == Operation.WRITE:
            self._run.write(said)
        elif operation == Operation.FINISH:
            self._run.finish(said)
        elif operation == Operation.LEAVE:
            return self._run.leave()
        return None


def _end_with_core(run: ClientRun) -> None:
    """End this process when its core does: nothing can be opened or written any more."""

    def wait() -> None:
        run.wait_for_core()
        os._exit(1)

    if not _watched.is_set():
        _watched.set()
        threading.Thread(target=wait, daemon=True).start()


_watched: Final = threading.Event()


class Host:
    """Hands requests to the threads of their runs."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._begin: Mapping[str, Any] = {}
        self._runs: dict[str, RunThread] = {}

    def take(self, number: int, operation: str, run: str, said: Any) -> None:  # noqa: ANN401  an operation's arguments
        """Take one request."""
        if operation == Operation.BEGIN:
            self._begin = said
            self._answers.send(number, None, None)
            return
        thread = self._runs.get(run)
        if thread is None:
            thread = self._runs[run] = RunThread(self._begin, self._answers)
        if operation in (Operation.FINISH, Operation.LEAVE):
            del self._runs[run]
        try:
            thread.put(number, operation, said)
        except queue.Full:
            self._answers.send(number, "Full", f"{run}: more than {MAX_WAITING} requests wait")


def _take_descriptors() -> None:
    """Have as many descriptors as are allowed: a run that is open takes one here and three of the core's."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _main(descriptor: int) -> None:
    _take_descriptors()
    os.set_inheritable(descriptor, False)  # noqa: FBT003  the only argument that it has
    connection = socket.socket(fileno=descriptor)
    host = Host(Answers(connection))
    requests = msgpack.Unpacker(max_buffer_size=MAX_MESSAGE_BYTES, strict_map_key=False)
    while data := connection.recv(1 << 18):
        requests.feed(data)
        for request in requests:
            host.take(*request)
    os._exit(0)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
