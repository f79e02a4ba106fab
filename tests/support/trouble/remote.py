"""A process that does what it is told, one thing at a time, until it is killed."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any, Self

from support.trouble import child


class Remote:
    """Holds one object, and calls its methods.

    Args:
        make: makes the object, in the process.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        self._pipe, theirs = Pipe()
        self.pid = os.fork()
        if not self.pid:
            self._pipe.close()
            _serve(theirs, make)
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def call(self, method: str, *arguments: object) -> Any:
        """Call a method; return what it returns.

        Raises:
            AssertionError: it raised something, or does not answer.
        """
        self.tell(method, *arguments)
        return self.answer()

    def answer(self) -> Any:
        """Return what the method that was told first has come to."""
        assert self._pipe.poll(child.PATIENCE), "no answer"
        good, result = self._pipe.recv()
        assert good, result
        return result

    def tell(self, method: str, *arguments: object) -> None:
        """Have a method called, and do not wait for it."""
        self._pipe.send((method, arguments))

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            child.wait(self.pid)
            self._pipe.close()
            self.pid = 0


def _serve(pipe: Connection, make: Callable[[], object]) -> None:
    try:
        held = make()
        while True:
            method, arguments = pipe.recv()
            try:
                pipe.send((True, getattr(held, method)(*arguments)))
            except Exception:  # noqa: BLE001  told to whoever asked
                pipe.send((False, traceback.format_exc()))
    except EOFError:
        pass  # whoever asked is gone
    finally:
        os._exit(child.SURVIVED)
